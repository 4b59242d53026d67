/* Small parts of the segment builder: inputs that write into a plain object and say when they did. */
(function () {
  "use strict";
  let serial = 0;

  function el(tag, attributes, children) {
    const made = document.createElement(tag);
    Object.entries(attributes || {}).forEach(function ([name, value]) {
      if (value === false || value === null || value === undefined) { return; }
      if (name.startsWith("on")) { made.addEventListener(name.slice(2), value); return; }
      if (name === "class") { made.className = value; return; }
      if (name === "value") { made.value = value; return; }
      made.setAttribute(name, value === true ? "" : value);
    });
    (Array.isArray(children) ? children : [children]).forEach(function (child) {
      if (child !== undefined && child !== null && child !== "") { made.append(child); }
    });
    return made;
  }

  function labelled(text, input, narrow) {
    serial += 1;
    input.id = input.id || "sb-" + serial;
    return el("div", { class: "sb-field" + (narrow ? " sb-narrow" : "") }, [
      el("label", { for: input.id }, text), input,
    ]);
  }

  function options(select, pairs, chosen) {
    let grouped = null;
    pairs.forEach(function ([value, words]) {
      if (value === null) { grouped = el("optgroup", { label: words }); select.append(grouped); return; }
      const option = el("option", { value: value }, words);
      option.value = value;
      option.selected = value === chosen;
      (grouped || select).append(option);
    });
    return select;
  }

  /* A whole number where it is one; what else was typed goes to the server, which says what is wrong. */
  function whole(text) {
    const trimmed = String(text === undefined ? "" : text).trim();
    return /^\d{1,9}$/.test(trimmed) ? Number(trimmed) : trimmed;
  }

  const CALENDAR = [["today", "today"], ["yesterday", "yesterday"], ["this_week", "this week"], ["last_week", "last week"], ["this_month", "this month"], ["last_month", "last month"], ["this_year", "this year"], ["last_year", "last year"]];
  const FORMS = [["within_days", "in the last … days"], ["older_than_days", "at least … days ago"], ["between_days", "between … and … days ago"], ["calendar", "calendar"], ["dates", "between two dates"]];

  function spanRead(content) {
    const found = FORMS.map(function (form) { return form[0]; }).find(function (form) { return content[form] !== undefined && content[form] !== null; });
    if (found === "between_days") {
      const pair = Array.isArray(content.between_days) ? content.between_days : [];
      return { form: found, a: String(pair[0] === undefined ? "" : pair[0]), b: String(pair[1] === undefined ? "" : pair[1]) };
    }
    if (found === "calendar") { return { form: found, word: content.calendar, zone: content.zone }; }
    if (found) { return { form: found, a: String(content[found]) }; }
    if (content.since || content.until) { return { form: "dates", since: content.since || "", until: content.until || "", zone: content.zone }; }
    return { form: "" };
  }

  function spanWrite(span, zone) {
    if (!span || !span.form) { return {}; }
    const clock = span.zone || zone;
    const at = clock && clock !== "UTC" ? { zone: clock } : {};
    if (span.form === "between_days") { return { between_days: [whole(span.a), whole(span.b)] }; }
    if (span.form === "calendar") { return Object.assign({ calendar: span.word || "this_month" }, at); }
    if (span.form === "dates") {
      return Object.assign({}, span.since ? { since: span.since } : {}, span.until ? { until: span.until } : {}, at);
    }
    return { [span.form]: whole(span.a) };
  }

  function spanReady(span) {
    if (!span || !span.form) { return false; }
    if (span.form === "between_days") { return span.a !== "" && span.b !== "" && span.a !== undefined && span.b !== undefined; }
    if (span.form === "calendar") { return true; }
    if (span.form === "dates") { return Boolean(span.since || span.until); }
    return span.a !== "" && span.a !== undefined;
  }

  const MAKERS = {
    select: function (field, v, tell) {
      const select = el("select", { onchange: function () { v[field.name] = select.value; tell(field.again); } });
      options(select, field.options, v[field.name]);
      v[field.name] = select.value;
      return select;
    },
    text: function (field, v, tell) {
      return el("input", { type: field.kind || "text", value: v[field.name] === undefined ? "" : v[field.name], maxlength: 200, placeholder: field.placeholder, inputmode: field.inputmode, oninput: function (event) { v[field.name] = event.target.value; tell(); } });
    },
    number: function (field, v, tell) { return MAKERS.text(Object.assign({ inputmode: "decimal" }, field), v, tell); },
    date: function (field, v, tell) { return MAKERS.text(Object.assign({ kind: "date" }, field), v, tell); },
    checks: function (field, v, tell) {
      v[field.name] = v[field.name] || [];
      const box = el("div", { class: "sb-checks", role: "group", "aria-label": field.label });
      if (!field.options.length) { box.append(el("p", { class: "cp-soft" }, field.empty)); }
      field.options.forEach(function ([value, words]) {
        const check = el("input", { type: "checkbox", onchange: function () {
          v[field.name] = check.checked ? v[field.name].concat([value]) : v[field.name].filter(function (one) { return one !== value; });
          tell();
        } });
        check.checked = v[field.name].indexOf(value) >= 0;
        box.append(el("label", { class: "sb-check" }, [check, " " + words]));
      });
      return box;
    },
    tokens: tokens,
    span: function (field, v, tell) {
      v[field.name] = v[field.name] || { form: field.optional ? "" : "within_days", a: field.optional ? "" : "30" };
      const span = v[field.name];
      const box = el("div", { class: "sb-span" });
      function part(name, words, kind) {
        return el("input", { type: kind || "text", inputmode: kind ? null : "numeric", class: kind ? "" : "sb-days", "aria-label": field.label + ": " + words, value: span[name] === undefined ? "" : span[name], oninput: function (event) { span[name] = event.target.value; tell(); } });
      }
      function draw() {
        const form = el("select", { "aria-label": field.label, onchange: function () { span.form = form.value; draw(); tell(); } });
        options(form, (field.optional ? [["", "at any time"]] : []).concat(FORMS), span.form);
        span.form = form.value;
        const parts = [form];
        if (span.form === "within_days" || span.form === "older_than_days") { parts.push(part("a", "days"), el("span", {}, "days")); }
        if (span.form === "between_days") { parts.push(part("a", "from days"), el("span", {}, "and"), part("b", "to days"), el("span", {}, "days ago")); }
        if (span.form === "calendar") {
          const word = el("select", { "aria-label": field.label + ": calendar", onchange: function () { span.word = word.value; tell(); } });
          options(word, CALENDAR, span.word || "this_month");
          span.word = word.value;
          parts.push(word);
        }
        if (span.form === "dates") { parts.push(part("since", "first day", "date"), el("span", {}, "to"), part("until", "last day", "date")); }
        box.replaceChildren.apply(box, parts);
      }
      draw();
      return box;
    },
  };

  /* Chosen values as chips, with a box to add one: from a list, or freely. */
  function tokens(field, v, tell) {
    v[field.name] = v[field.name] || [];
    serial += 1;
    const listId = "sb-list-" + serial;
    const words = {};
    (field.options || []).forEach(function ([value, text]) { words[value] = text; });
    const chips = el("span", { class: "sb-chips" });
    const input = el("input", { type: "text", list: listId, maxlength: 200, autocomplete: "off", placeholder: field.placeholder || "Add…", "aria-label": field.label + ": add" });
    function take(text) {
      const typed = text.trim();
      if (!typed) { return; }
      const known = Object.keys(words).find(function (value) { return value.toLowerCase() === typed.toLowerCase() || words[value].toLowerCase() === typed.toLowerCase(); });
      const value = known !== undefined ? known : field.upper ? typed.toUpperCase() : typed;
      if (v[field.name].indexOf(value) < 0) { v[field.name] = v[field.name].concat([value]); }
    }
    function add() {
      if (!input.value.trim()) { return; }
      input.value.split(",").forEach(take);
      input.value = "";
      draw();
      tell();
    }
    function draw() {
      chips.replaceChildren.apply(chips, v[field.name].map(function (value) {
        return el("span", { class: "sb-chip" }, [words[value] || value, el("button", { type: "button", "aria-label": "Remove " + (words[value] || value), onclick: function () {
          v[field.name] = v[field.name].filter(function (one) { return one !== value; });
          draw();
          tell();
          input.focus();
        } }, "×")]);
      }));
    }
    input.addEventListener("keydown", function (event) {
      if (event.key === "Enter" || event.key === ",") { event.preventDefault(); event.stopPropagation(); add(); }
      if (event.key === "Backspace" && !input.value && v[field.name].length) { v[field.name] = v[field.name].slice(0, -1); draw(); tell(); }
    });
    input.addEventListener("change", add);
    draw();
    return el("div", { class: "sb-tokens" }, [chips, input, el("datalist", { id: listId }, (field.options || []).map(function ([value, text]) {
      return el("option", { value: text === value ? value : text });
    }))]);
  }

  /* One field with its label. */
  function field(spec, v, tell) {
    const made = MAKERS[spec.type](spec, v, tell);
    if (spec.type === "span" || spec.type === "checks" || spec.type === "tokens") {
      return el("div", { class: "sb-field sb-wide" }, [el("span", { class: "sb-label" }, spec.label), made]);
    }
    return labelled(spec.label, made, spec.narrow);
  }

  window.SegmentParts = { el: el, options: options, whole: whole, field: field, spanRead: spanRead, spanWrite: spanWrite, spanReady: spanReady };
})();
