// One key a decision. The buttons do the same without this script.
"use strict";
(() => {
    let decided = false;
    document.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || decided) return;
        const at = event.target;
        if (at instanceof Element && at.closest("input, textarea, select, [contenteditable]")) return;
        const key = event.key.toLowerCase();
        if (!/^[okwcnu]$/.test(key)) return;
        const target = document.querySelector(`#review-page [data-key="${key}"]`);
        if (!target) return;
        event.preventDefault();
        decided = true;
        target.click();
    });
    window.addEventListener("pageshow", () => { decided = false; });
})();
