// What several parts of the page use: saving a file, copying, and paper.
const ditlaw = (() => {
  "use strict";

  // A text as a file of the reader's, made here: the page asks nothing of a network.
  function save(name, text) {
    const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    const link = Object.assign(document.createElement("a"), { href: address, download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }

  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copy);
      const said = document.getElementById(button.dataset.copy + "-said");
      try {
        await navigator.clipboard.writeText(source.textContent.trim());
        said.textContent = "Copied.";
      } catch { // a browser may not allow it; then the reader's own copy does
        getSelection().selectAllChildren(source);
        said.textContent = "Selected: copy it with Ctrl+C or ⌘C.";
      }
    });
  }

  // Paper shows what is folded away; afterwards it is folded again.
  let folded = [];
  window.addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    for (const one of folded) one.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const one of folded) one.open = false;
  });

  return { save };
})();
