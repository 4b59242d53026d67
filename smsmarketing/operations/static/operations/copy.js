/* Buttons that copy what stands beside them. Without script they stay hidden. */
"use strict";

for (const button of document.querySelectorAll(".op-copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
        try {
            await navigator.clipboard.writeText(button.dataset.copy);
        } catch { // no clipboard without https, or it was refused: select it for the person
            const range = document.createRange();
            range.selectNodeContents(button.previousElementSibling);
            const selection = window.getSelection();
            selection.removeAllRanges();
            selection.addRange(range);
            button.textContent = document.execCommand("copy") ? "Copied" : "Press Ctrl+C";
            return;
        }
        button.textContent = "Copied";
    });
}
