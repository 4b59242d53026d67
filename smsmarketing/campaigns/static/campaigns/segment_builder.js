/* The visual segment builder: groups in groups, live counts. Without this script the page offers rows and JSON. */
(function () {
  "use strict";
  const form = document.getElementById("builder");
  const data = JSON.parse(document.getElementById("builder-data").textContent);
  const place = document.getElementById("builder-tree");
  const brand = document.getElementById("brand_id");
  const parts = window.SegmentParts;
  const el = parts.el;
  const choices = Object.assign({}, data.choices, { brand: function () { return brand.value; } });
  const leaves = window.segmentLeaves(choices);
  const DEEPEST = 6;
  const known = {};
  let serial = 0;
  let root = null;
  let timer = 0;
  let running = null;

  /* --- criteria and back --- */
  function groupNew(joiner) { serial += 1; return { id: serial, group: true, joiner: joiner, negated: false, items: [] }; }
  function leafNew(spec, v) { serial += 1; return { id: serial, spec: spec || null, v: v || {}, negated: false }; }

  function load(tree) {
    const keys = tree && typeof tree === "object" && !Array.isArray(tree) ? Object.keys(tree) : [];
    if (keys.length !== 1) { return leafNew(leaves.raw, { text: JSON.stringify(tree) }); }
    const key = { and: "all", or: "any", list: "audience" }[keys[0]] || keys[0];
    const content = tree[keys[0]];
    if (key === "not") {
      const inner = load(content);
      if (!inner.negated) { inner.negated = true; return inner; }
      const around = groupNew("all");
      around.items.push(inner);
      around.negated = true;
      return around;
    }
    if ((key === "all" || key === "any") && Array.isArray(content)) {
      const group = groupNew(key);
      group.items = content.map(load);
      return group;
    }
    const spec = leaves.find(key);
    const v = spec ? spec.read(content, key) : null;
    return v ? leafNew(spec, v) : leafNew(leaves.raw, { text: JSON.stringify(tree) });
  }

  function leafTree(node) {
    if (node.spec.raw) { try { return JSON.parse(node.v.text); } catch (error) { return { "": node.v.text }; } }
    return { [node.spec.name ? node.spec.name(node.v) : node.spec.key]: node.spec.write(node.v) };
  }
  function ready(node) { return node.group ? node.items.some(ready) : Boolean(node.spec && node.spec.ready(node.v)); }

  /* The tree; notes in `places` which node stands at which path. `half` keeps unfinished conditions too. */
  function write(node, path, places, half) {
    places.set(path, node);
    const inside = node.negated ? path + ".not" : path;
    let made;
    if (node.group) {
      const kept = node.items.filter(function (item) { return half ? item.group || item.spec : ready(item); });
      made = { [node.joiner]: kept.map(function (item, index) { return write(item, inside + "." + node.joiner + "[" + index + "]", places, half); }) };
    } else { made = leafTree(node); }
    return node.negated ? { not: made } : made;
  }
  function all(node, visit) { visit(node); if (node.group) { node.items.forEach(function (item) { all(item, visit); }); } }
  function parentOf(node, from) {
    if (!from.group) { return null; }
    if (from.items.indexOf(node) >= 0) { return from; }
    return from.items.reduce(function (found, item) { return found || parentOf(node, item); }, null);
  }

  /* --- drawing --- */
  function draw(focus) {
    place.replaceChildren(groupDraw(root, 1));
    if (focus) { const found = place.querySelector("[data-focus='" + focus + "']"); if (found) { found.focus(); } }
    figuresDraw();
  }
  function button(words, title, role, node, act, off) {
    return el("button", { type: "button", class: "sb-icon", title: title, "aria-label": title, "data-focus": node.id + ":" + role, disabled: off, onclick: act }, words);
  }
  function tools(node, name) {
    const top = node === root;
    return el("span", { class: "sb-tools" }, [
      el("output", { class: "sb-count", id: "count-" + node.id, "aria-label": "Contacts" }),
      top ? null : button("↑", "Move " + name + " up", "up", node, function () { move(node, -1); }),
      top ? null : button("↓", "Move " + name + " down", "down", node, function () { move(node, 1); }),
      top ? null : button("×", "Remove " + name, "remove", node, function () { remove(node); }),
    ]);
  }
  function groupDraw(node, depth) {
    const joiner = el("select", { "aria-label": "How the conditions are joined", "data-focus": node.id + ":joiner", onchange: function () { node.joiner = joiner.value; changed(); draw(node.id + ":joiner"); } });
    parts.options(joiner, [["all", "all of these hold"], ["any", "any of these holds"]], node.joiner);
    const side = el("select", { "aria-label": "Take or leave out", "data-focus": node.id + ":side", onchange: function () { node.negated = side.value === "out"; box.classList.toggle("sb-out", node.negated); changed(); } });
    parts.options(side, [["in", "People for whom"], ["out", "Leave out people for whom"]], node.negated ? "out" : "in");
    const list = el("div", { class: "sb-items" });
    node.items.forEach(function (item, index) {
      if (index) { list.append(el("span", { class: "sb-joiner", "aria-hidden": "true" }, node.joiner === "all" ? "and" : "or")); }
      list.append(item.group ? groupDraw(item, depth + 1) : leafDraw(item));
    });
    if (!node.items.length) { list.append(el("p", { class: "cp-soft" }, "Nothing is asked yet. Add a condition.")); }
    const box = el("div", { class: "sb-group" + (node.negated ? " sb-out" : ""), role: "group", "aria-label": depth === 1 ? "All conditions" : "Group of conditions", id: "node-" + node.id }, [
      el("div", { class: "sb-head" }, [el("span", { class: "sb-pick" }, [side, joiner]), tools(node, "group")]),
      el("p", { class: "cp-error", id: "error-" + node.id }),
      list,
      el("div", { class: "sb-foot" }, [
        el("button", { type: "button", class: "cp-button cp-button-small", "data-focus": node.id + ":add", onclick: function () { add(node, leafNew()); } }, "Add a condition"),
        depth < DEEPEST ? el("button", { type: "button", class: "cp-button cp-button-small", "data-focus": node.id + ":group", onclick: function () { const inner = groupNew(node.joiner === "all" ? "any" : "all"); inner.items.push(leafNew()); add(node, inner); } }, "Add a group") : null,
      ]),
    ]);
    return box;
  }
  function leafDraw(node) {
    const body = el("div", { class: "sb-body" });
    const negated = el("select", { "aria-label": "Who or who not", "data-focus": node.id + ":not", onchange: function () { node.negated = negated.value === "not"; box.classList.toggle("sb-out", node.negated); changed(); } });
    parts.options(negated, [["", "who"], ["not", "who not:"]], node.negated ? "not" : "");
    const kind = el("select", { "aria-label": "Condition", class: "sb-kind", "data-focus": node.id + ":kind", onchange: function () { node.spec = leaves.find(kind.value) || null; node.v = {}; fields(); changed(); } });
    const pairs = leaves.list.map(function (one) { return one.group ? [null, one.group] : [one.key, one.words]; });
    const raw = node.spec && node.spec.raw;
    parts.options(kind, raw ? [["", "as JSON"]] : [["", "Choose a condition…"]].concat(pairs), node.spec ? node.spec.key : "");
    kind.disabled = Boolean(raw);
    function fields() {
      body.replaceChildren();
      if (!node.spec) { return; }
      function tell(again) { if (again) { refield(); } changed(); }
      node.spec.fields(node.v).forEach(function (one) { body.append(parts.field(one, node.v, tell)); });
      if (node.spec.properties) { properties(tell); }
    }
    function refield() {
      const inputs = Array.from(body.querySelectorAll("input, select"));
      const at = inputs.indexOf(document.activeElement);
      fields();
      const now = body.querySelectorAll("input, select")[at];
      if (at >= 0 && now) { now.focus(); }
    }
    function properties(tell) {
      const found = node.spec.properties(node.v);
      found.list.forEach(function (one, index) {
        const row = el("div", { class: "sb-property" });
        found.fields(one).forEach(function (spec) { row.append(parts.field(spec, one, tell)); });
        row.append(el("button", { type: "button", class: "sb-icon", "aria-label": "Remove property", onclick: function () { found.list.splice(index, 1); fields(); changed(); } }, "×"));
        body.append(row);
      });
      if (found.list.length < 5) { body.append(el("button", { type: "button", class: "cp-button cp-button-small", onclick: function () { found.list.push({}); fields(); changed(); } }, "Add a property")); }
    }
    fields();
    const box = el("div", { class: "sb-leaf" + (node.negated ? " sb-out" : ""), id: "node-" + node.id }, [
      el("div", { class: "sb-head" }, [el("span", { class: "sb-pick" }, [negated, kind]), tools(node, "condition")]),
      body,
      el("p", { class: "cp-error", id: "error-" + node.id }),
    ]);
    return box;
  }

  /* --- changing the tree --- */
  function add(group, node) {
    group.items.push(node);
    const first = node.group ? node.items[0] : node;
    draw(first.id + ":kind");
    changed();
  }
  function remove(node) {
    const group = parentOf(node, root);
    const at = group.items.indexOf(node);
    group.items.splice(at, 1);
    const next = group.items[Math.min(at, group.items.length - 1)];
    draw(next ? next.id + ":remove" : group.id + ":add");
    changed();
  }
  /* Up and down lead through every place: into a group beside, and out of one at its end. */
  function move(node, step) {
    const group = parentOf(node, root);
    const at = group.items.indexOf(node);
    const beside = group.items[at + step];
    group.items.splice(at, 1);
    if (beside && beside.group && !(node.group && depthOf(beside) + heightOf(node) > DEEPEST)) {
      beside.items.splice(step > 0 ? 0 : beside.items.length, 0, node);
    } else if (beside) {
      group.items.splice(at + step, 0, node);
    } else if (group !== root) {
      const outer = parentOf(group, root);
      outer.items.splice(outer.items.indexOf(group) + (step > 0 ? 1 : 0), 0, node);
      if (!group.items.length) { outer.items.splice(outer.items.indexOf(group), 1); }
    } else { group.items.splice(at, 0, node); }
    draw(node.id + (step > 0 ? ":down" : ":up"));
    changed();
  }
  function depthOf(node) { return node === root ? 1 : 1 + depthOf(parentOf(node, root)); }
  function heightOf(node) { return node.group ? 1 + Math.max.apply(null, [0].concat(node.items.map(heightOf))) : 0; }

  /* --- live counts --- */
  const total = document.getElementById("live-matched");
  const consented = document.getElementById("live-consented");
  const words = document.getElementById("live-words");
  const note = document.getElementById("live-note");
  function shown(number) { return Number(number).toLocaleString("en"); }
  function keyOf(node) { return brand.value + " " + JSON.stringify(write(node, "criteria", new Map(), false)); }
  function countable(node) { return node !== root && ready(node); }
  function figuresDraw(problem) {
    all(root, function (node) {
      const out = document.getElementById("count-" + node.id);
      if (!out) { return; }
      out.classList.toggle("sb-busy", false);
      if (!countable(node)) { out.textContent = node === root || node.group ? "" : "unfinished"; return; }
      const count = known[keyOf(node)];
      if (!brand.value) { out.textContent = ""; return; }
      out.textContent = count === undefined ? (running ? "counting…" : "") : count === null ? "not counted" : shown(count);
      out.classList.toggle("sb-busy", count === undefined && Boolean(running));
    });
    if (problem) { total.textContent = "—"; consented.textContent = ""; }
  }
  function errorsShow(errors, places) {
    all(root, function (node) {
      const out = document.getElementById("error-" + node.id);
      const box = document.getElementById("node-" + node.id);
      if (out) { out.textContent = ""; box.classList.remove("cp-wrong"); }
    });
    const left = [];
    Object.entries(errors).forEach(function ([path, text]) {
      let at = "";
      places.forEach(function (node, known_path) { if ((path === known_path || path.startsWith(known_path + ".") || path.startsWith(known_path + "[")) && known_path.length > at.length) { at = known_path; } });
      const node = places.get(at);
      const out = node && document.getElementById("error-" + node.id);
      if (out && node !== root) { out.textContent = text; document.getElementById("node-" + node.id).classList.add("cp-wrong"); } else { left.push(text); }
    });
    return left;
  }
  async function count() {
    if (running) { running.abort(); running = null; }
    const unfinished = [];
    all(root, function (node) { if (!node.group && !ready(node)) { unfinished.push(node); } });
    const hint = unfinished.length ? "Not counted yet: " + unfinished.length + (unfinished.length === 1 ? " unfinished condition." : " unfinished conditions.") : "";
    if (!brand.value || !ready(root)) {
      total.textContent = "—"; consented.textContent = ""; words.textContent = "";
      note.textContent = brand.value ? hint || "Add a condition to see how many it finds." : "Choose a brand: contacts are counted for a brand.";
      figuresDraw();
      return;
    }
    const places = new Map();
    const tree = write(root, "criteria", places, false);
    const wanted = [];
    places.forEach(function (node, path) { if (countable(node) && known[keyOf(node)] === undefined) { wanted.push(path); } });
    const mine = running = new AbortController();
    total.textContent = "counting…";
    note.textContent = hint;
    figuresDraw();
    let answer = null;
    try {
      const sent = await fetch(data.count_url, { method: "POST", credentials: "same-origin", signal: mine.signal, headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": form.elements.csrfmiddlewaretoken.value }, body: JSON.stringify({ brand_id: Number(brand.value), criteria: tree, paths: wanted.slice(0, 100) }) });
      answer = await sent.json();
    } catch (error) {
      if (mine.signal.aborted) { return; }
      answer = { error: "It could not be counted just now. Change something, or press Preview.", errors: {} };
    }
    if (running !== mine) { return; }
    running = null;
    if (answer.error) {
      const left = errorsShow(answer.errors || {}, places);
      note.textContent = left.length || !Object.keys(answer.errors || {}).length ? answer.error : "Look at what is marked.";
      figuresDraw(true);
      return;
    }
    errorsShow({}, places);
    answer.conditions.forEach(function (one) {
      const node = places.get(one.path);
      if (node) { known[keyOf(node)] = one.matched; }
    });
    total.textContent = shown(answer.matched);
    consented.textContent = shown(answer.consented) + " of them have consent";
    words.textContent = answer.words;
    figuresDraw();
    answer.conditions.forEach(function (one) {
      const out = one.refused && places.get(one.path) && document.getElementById("error-" + places.get(one.path).id);
      if (out) { out.textContent = one.refused; }
    });
  }
  const json = document.getElementById("json-view");
  const hidden = el("input", { type: "hidden", name: "criteria_json" });
  function tidy() {
    const tree = write(root, "criteria", new Map(), true);
    return root.items.length ? tree : {};
  }
  function changed() {
    hidden.value = JSON.stringify(tidy());
    if (document.activeElement !== json) { json.value = JSON.stringify(tidy(), null, 2); }
    if (running) { running.abort(); running = null; }
    figuresDraw();
    window.clearTimeout(timer);
    timer = window.setTimeout(count, 450);
  }
  function begin(tree) {
    const found = tree && Object.keys(tree).length ? load(tree) : groupNew("all");
    if (found.group) { root = found; } else { root = groupNew("all"); root.items.push(found); }
    if (!root.items.length) { root.items.push(leafNew()); }
  }

  /* --- taking over from the plain form --- */
  if (data.broken) { return; }
  const rows = document.getElementById("rows-form");
  rows.disabled = true;
  rows.hidden = true;
  document.querySelectorAll("[data-script]").forEach(function (one) { one.hidden = false; });
  form.append(el("input", { type: "hidden", name: "mode", value: "json" }), hidden);
  begin(data.tree);
  draw();
  const places = new Map();
  write(root, "criteria", places, true);
  errorsShow(data.errors, places);
  hidden.value = JSON.stringify(tidy());
  json.value = JSON.stringify(tidy(), null, 2);
  brand.addEventListener("change", function () { draw(); changed(); });
  document.getElementById("json-use").addEventListener("click", function () {
    const problem = document.getElementById("json-problem");
    try { begin(JSON.parse(json.value)); problem.textContent = ""; draw(); changed(); } catch (error) { problem.textContent = "This is not valid JSON: " + error.message; }
  });
  form.addEventListener("keydown", function (event) {
    if (event.key === "Enter" && event.target.tagName === "INPUT" && event.target.type !== "checkbox") {
      event.preventDefault();
      form.requestSubmit(form.querySelector("button[value='" + (event.target.id === "name" ? "save" : "preview") + "']"));
    }
  });
  if (!Object.keys(data.errors).length) { count(); }
})();
