"""Shape studies: what depth and width say beside N, and the other axes at fixed FLOPs.

Tables in, answers out; none of this imports torch.
"""

from ditlaw.aspect.answer import ShapeStudy, shape_study, shapes_of

__all__ = ["ShapeStudy", "shape_study", "shapes_of"]
