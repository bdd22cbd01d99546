"""The benchmark of loading runs: every source beside the peer and the step's need."""

import re

import loading


def test_every_source_is_set_beside_the_peer_and_the_need(capsys, monkeypatch):
    monkeypatch.setattr(loading, "PICTURES", 96)
    monkeypatch.setattr(loading, "SECONDS", 0.05)
    monkeypatch.setattr(loading, "LONG", 2048)
    monkeypatch.setattr(loading, "LATENTS", 256)
    small = loading.STUDY.replace("{depth: 8, width: 384}", "{depth: 2, width: 32, heads: 4}")
    monkeypatch.setattr(loading, "STUDY", small)
    loading.main()
    out = capsys.readouterr().out
    for source in ("scenes", "shard.tar", "table.parquet", "folder", "latents and features"):
        line = rf"^{source}: [\d,]+ images/s, [\d.]+× the peer; need met ([\d,]+× \w+(, )?){{3}}$"
        assert re.search(line, out, re.MULTILINE), source
    assert re.search(r"memory along 2,048 samples \(\d+ epochs\)", out)
