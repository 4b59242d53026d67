/* Refreshes the progress of a running send every two seconds; when the state changes the page is loaded again. */
(function () {
  "use strict";
  const place = document.getElementById("progress");
  const page = document.getElementById("campaign-page");
  if (!place || !page || !place.dataset.running) { return; }
  let failures = 0;
  async function look() {
    if (!document.hidden) {
      try {
        const answer = await fetch(place.dataset.url, { credentials: "same-origin", headers: { Accept: "application/json" } });
        if (!answer.ok) { throw new Error("refused"); }
        const found = await answer.json();
        failures = 0;
        if (found.state !== page.dataset.state) { window.location.reload(); return; }
        if (place.innerHTML !== found.html) { place.innerHTML = found.html; }
        if (!found.running) { return; }
      } catch (error) {
        failures += 1;
        if (failures > 10) { return; }
      }
    }
    window.setTimeout(look, 2000 * (failures + 1));
  }
  window.setTimeout(look, 2000);
})();
