/* A form that is on its way is not sent again; the server would run it once anyway. */
(function () {
  "use strict";
  document.querySelectorAll("form[data-once]").forEach(function (form) {
    form.addEventListener("submit", function (event) {
      if (form.dataset.sent) { event.preventDefault(); return; }
      form.dataset.sent = "1";
    });
    window.addEventListener("pageshow", function () { delete form.dataset.sent; });
  });
})();
