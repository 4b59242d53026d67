/* Shows only the inputs that a condition needs. Without this script all of them are there, and it works the same. */
(function () {
  "use strict";
  const builder = document.getElementById("builder");
  if (!builder) { return; }
  function arrange(row) {
    const kind = row.querySelector("[data-kind]").value;
    row.querySelectorAll("[data-for]").forEach(function (part) {
      part.classList.toggle("cp-hidden", part.dataset.for.split(" ").indexOf(kind) < 0);
    });
  }
  builder.querySelectorAll("[data-cond]").forEach(arrange);
  builder.addEventListener("change", function (event) {
    if (event.target.hasAttribute("data-kind")) { arrange(event.target.closest("[data-cond]")); }
  });
  /* Enter in a field previews instead of pressing the first button of the page. */
  builder.addEventListener("keydown", function (event) {
    if (event.key === "Enter" && event.target.tagName === "INPUT") {
      event.preventDefault();
      builder.requestSubmit(builder.querySelector("button[value='preview']"));
    }
  });
})();
