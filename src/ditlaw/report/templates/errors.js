// Errors are kept on the page, so that a check (or a reader) can see them.
(() => {
  const note = text => {
    const body = document.body;
    body.dataset.errors = (body.dataset.errors ? body.dataset.errors + "\n" : "") + text;
  };
  window.addEventListener("error", event => note(String(event.message)));
  window.addEventListener("unhandledrejection", event => note(String(event.reason)));
  document.addEventListener("securitypolicyviolation", event => {
    note("blocked: " + event.violatedDirective + " " + event.blockedURI);
  });
  const say = console.error;
  console.error = (...words) => { note(words.map(String).join(" ")); say(...words); };
})();
