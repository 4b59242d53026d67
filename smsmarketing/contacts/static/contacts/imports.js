// Asks for the figures of a running import until its state changes; then the page is loaded again.
document.addEventListener("DOMContentLoaded", () => {
  const live = document.getElementById("import-live");
  if (!live) return;
  const state = live.dataset.state;
  const bar = document.getElementById("import-bar");
  const percent = document.getElementById("import-percent");
  const phase = document.getElementById("import-phase");
  const words = { reading: "Reading the file", comparing: "Comparing with the contacts", checked: "Comparing with the contacts", merging: "Bringing the rows in", trashing: "Taking new contacts to the trash", returned: "Taking contacts back to the trash", consents: "Ending the recorded consents", fields: "Giving earlier values back", members: "Taking contacts off the list", states: "Checking who knows the brand", "": "Waiting for a worker" };
  const ask = async () => {
    try {
      const answer = await fetch(live.dataset.url, { credentials: "same-origin" });
      if (answer.ok) {
        const now = await answer.json();
        if (now.state !== state) { window.location.reload(); return; }
        bar.style.width = now.percent + "%";
        percent.textContent = now.percent + " %";
        phase.textContent = words[now.phase] ?? now.phase;
        for (const [name, count] of Object.entries(now.counts)) {
          const place = document.querySelector(`[data-count="${name}"]`);
          if (place) place.textContent = count.toLocaleString("en");
        }
      }
    } catch (problem) { /* the next round asks again */ }
    window.setTimeout(ask, 1000);
  };
  ask();
});
