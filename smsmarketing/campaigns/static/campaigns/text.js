/* Live preview of a text: sends the form to the server and shows the panel it renders. Without this script the
   Preview button does the same. */
(function () {
  "use strict";
  const form = document.getElementById("text-form");
  const panel = document.getElementById("fit");
  if (!form || !panel) { return; }
  const message = document.getElementById("message");
  const button = document.getElementById("preview-button");
  if (button) { button.classList.add("cp-hidden"); }
  const PLACE = /\{([a-z][a-z0-9_]{0,39})\}/g;

  /* A place that nobody declared gets a row, so that its longest length can be set. */
  function rowsFill() {
    const names = Array.from(form.querySelectorAll("[name^='field-'][name$='-name']"));
    const known = new Set(names.map(function (input) { return input.value.trim(); }));
    const places = new Set(Array.from(message.value.matchAll(PLACE), function (found) { return found[1]; }));
    places.forEach(function (place) {
      if (known.has(place)) { return; }
      let blank = Array.from(form.querySelectorAll("[name^='field-'][name$='-name']"))
        .find(function (input) { return input.value.trim() === ""; });
      if (!blank) { blank = rowAdd(); }
      if (!blank) { return; }
      blank.value = place;
      const most = form.elements[blank.name.replace("-name", "-max_chars")];
      if (most && !most.value) { most.value = "20"; }
      rowAdd();
    });
    /* A row whose place is gone and that was never filled in goes with it. */
  }

  function rowAdd() {
    const rows = form.querySelectorAll("[data-row]");
    const last = rows[rows.length - 1];
    if (!last || rows.length >= 20) { return null; }
    const copy = last.cloneNode(true);
    copy.classList.remove("cp-wrong");
    copy.querySelectorAll(".cp-error").forEach(function (text) { text.remove(); });
    copy.querySelectorAll("input, select").forEach(function (input) {
      input.name = input.name.replace(/field-\d+-/, "field-" + rows.length + "-");
      if (input.id) { input.id = input.name; }
      if (input.type === "checkbox") { input.checked = false; } else if (input.tagName === "INPUT") { input.value = ""; }
    });
    copy.querySelectorAll("label[for]").forEach(function (label) {
      label.htmlFor = label.htmlFor.replace(/field-\d+-/, "field-" + rows.length + "-");
    });
    last.after(copy);
    return copy.querySelector("[name$='-name']");
  }

  function balanced(text) {
    return (text.match(/\{/g) || []).length === (text.match(/\}/g) || []).length;
  }

  let timer = 0, asked = 0;
  async function show() {
    if (!message.value.trim() || !balanced(message.value)) { return; }
    const number = ++asked;
    const data = new FormData(form);
    const sender = form.elements.sender_id;
    if (sender && sender.selectedIndex > 0) { data.set("sender_words", sender.options[sender.selectedIndex].text); }
    if (form.dataset.purpose) { data.set("purpose", form.dataset.purpose); }
    const use = form.elements.use_case;
    if (use && use.value) { data.set("purpose", use.value === "promotion" ? "marketing" : "transactional"); }
    if (panel.dataset.sender) { data.set("sender_words", panel.dataset.sender); }
    try {
      const answer = await fetch(form.dataset.fitUrl, { method: "POST", body: data, credentials: "same-origin" });
      if (!answer.ok || number !== asked) { return; }
      panel.innerHTML = (await answer.json()).html;
    } catch (error) {
      if (button) { button.classList.remove("cp-hidden"); } /* offline: the button still works */
    }
  }
  function later() { window.clearTimeout(timer); timer = window.setTimeout(show, 350); }
  form.addEventListener("input", function (event) {
    if (event.target === message) { rowsFill(); }
    if (event.target.hasAttribute("data-fit")) { later(); }
  });
  form.addEventListener("change", function (event) { if (event.target.hasAttribute("data-fit")) { later(); } });

  /* One click, one call: the form carries its key, and the button rests while the answer is on its way. */
  form.addEventListener("submit", function (event) {
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    window.setTimeout(function () { delete form.dataset.sent; }, 4000);
  });
})();
