/* Checks the description a moment after each change, by the same form as the Check button. */
(function () {
  "use strict";
  const form = document.getElementById("editor-form");
  if (!form) { return; }
  let timer = 0;
  let asked = 0;
  async function check() {
    const number = ++asked;
    const data = new FormData(form);
    data.set("do", "check");
    try {
      const answer = await fetch(window.location.href, { method: "POST", body: data, credentials: "same-origin", headers: { "X-Live-Check": "1" } });
      if (!answer.ok || number !== asked) { return; }
      const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
      const place = document.getElementById("live");
      if (found && place) { place.replaceWith(found); }
      const wrong = new Set(Array.from(document.querySelectorAll("#live .gc-fault"), (line) => line.dataset.part));
      document.querySelectorAll(".gc-part").forEach((area) => area.closest(".cp-field").classList.toggle("cp-wrong", wrong.has(area.name)));
    } catch (error) { /* the Check button still works */ }
  }
  form.addEventListener("input", function () {
    window.clearTimeout(timer);
    timer = window.setTimeout(check, 600);
  });
})();
