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
  /* Only the comparisons that the condition knows. */
  const KNOWN = { consent_age: "lt le gt ge", last_sent: "lt le gt ge", event: "eq ne lt le gt ge" };
  function compare(row) {
    const known = KNOWN[row.querySelector("[data-kind]").value];
    row.querySelectorAll("select[name$='-op'] option").forEach(function (option) {
      const shown = !known || !option.value || known.split(" ").indexOf(option.value) >= 0;
      option.hidden = option.disabled = !shown && !option.selected;
    });
  }
  builder.querySelectorAll("[data-cond]").forEach(function (row) { arrange(row); compare(row); });
  builder.addEventListener("change", function (event) {
    if (event.target.hasAttribute("data-kind")) {
      arrange(event.target.closest("[data-cond]"));
      compare(event.target.closest("[data-cond]"));
    }
  });
  /* Enter in a field previews instead of pressing the first button of the page. */
  builder.addEventListener("keydown", function (event) {
    if (event.key === "Enter" && event.target.tagName === "INPUT") {
      event.preventDefault();
      builder.requestSubmit(builder.querySelector("button[value='preview']"));
    }
  });
})();
