/* The conditions of the segment builder: which inputs each one has, and how it reads and writes criteria. */
(function () {
  "use strict";
  const parts = window.SegmentParts;
  const whole = parts.whole;
  const SPANS = ["within_days", "older_than_days", "between_days", "calendar", "since", "until", "zone"];
  const COUNTS = [["ge", "at least"], ["gt", "more than"], ["le", "at most"], ["lt", "fewer than"], ["eq", "exactly"], ["ne", "not exactly"]];
  const OPERATORS = {
    text: [["eq", "is"], ["ne", "is not"], ["in", "is one of"], ["contains", "contains"], ["exists", "is filled in"], ["missing", "is empty"]],
    choice: [["eq", "is"], ["ne", "is not"], ["in", "is one of"], ["exists", "is filled in"], ["missing", "is empty"]],
    number: [["ge", "is at least"], ["gt", "is above"], ["le", "is at most"], ["lt", "is below"], ["eq", "is"], ["ne", "is not"], ["exists", "is filled in"], ["missing", "is empty"]],
    date: [["anniversary", "comes round within … days (birthday)"], ["last_days", "lies in the last … days"], ["next_days", "lies in the next … days"], ["ge", "is on or after"], ["le", "is on or before"], ["eq", "is"], ["exists", "is filled in"], ["missing", "is empty"]],
    boolean: [["eq", "is"], ["exists", "is filled in"], ["missing", "is empty"]],
  };
  const TYPES = [["text", "text"], ["number", "number"], ["date", "date"], ["boolean", "yes or no"]];
  const DAYS = ["anniversary", "last_days", "next_days"];

  function only(content, keys) {
    return typeof content === "object" && content !== null && !Array.isArray(content) && Object.keys(content).every(function (key) { return keys.indexOf(key) >= 0; });
  }
  function several(content) { return (Array.isArray(content) ? content : [content]).map(String); }
  function test(content) { return only(content, ["op", "value"]) ? { op: content.op, value: String(content.value) } : null; }
  function number(text) { const trimmed = String(text).trim(); return /^-?\d+(\.\d+)?$/.test(trimmed) ? Number(trimmed) : trimmed; }

  window.segmentLeaves = function (choices) {
    const zone = choices.zone;
    const kinds = choices.kinds;

    /* --- a comparison of a named value --- */
    function declared(fields, v) { return fields.find(function (one) { return one.name === v.name; }); }
    function compareFields(v, fields, prefix) {
      const known = declared(fields, v);
      const shown = [];
      if (fields.length) {
        const pairs = fields.map(function (one) { return [one.name, one.label]; });
        if (v.name && !known) { pairs.unshift([v.name, v.name]); }
        shown.push({ type: "select", name: "name", label: prefix, options: pairs, again: true });
        if (!v.name) { v.name = pairs[0][0]; return compareFields(v, fields, prefix); }
      } else {
        shown.push({ type: "text", name: "name", label: prefix, placeholder: "favourite" });
      }
      const type = known ? known.type : v.type || "text";
      if (!known) { shown.push({ type: "select", name: "type", label: "Kind of value", options: TYPES, again: true, narrow: true }); }
      const ops = OPERATORS[type];
      if (!ops.some(function (one) { return one[0] === v.op; })) { v.op = ops[0][0]; }
      shown.push({ type: "select", name: "op", label: "Comparison", options: ops, again: true });
      if (v.op === "exists" || v.op === "missing") { return shown; }
      if (v.op === "in") { shown.push({ type: "tokens", name: "values", label: "Values", options: known ? known.choices.map(function (one) { return [one, one]; }) : [] }); }
      else if (DAYS.indexOf(v.op) >= 0) { shown.push({ type: "number", name: "value", label: "Days", narrow: true, placeholder: "7" }); }
      else if (type === "choice") { shown.push({ type: "select", name: "value", label: "Value", options: known.choices.map(function (one) { return [one, one]; }) }); }
      else if (type === "boolean") { shown.push({ type: "select", name: "value", label: "Value", options: [["true", "yes"], ["false", "no"]], narrow: true }); }
      else { shown.push({ type: type === "date" ? "date" : type === "number" ? "number" : "text", name: "value", label: "Value" }); }
      return shown;
    }
    function compareWrite(v, fields) {
      const known = declared(fields, v);
      const type = known ? (known.type === "choice" ? "text" : known.type) : v.type || "text";
      const made = { name: v.name || "", type: type, op: v.op || "eq" };
      if (v.op === "exists" || v.op === "missing") { return made; }
      if (v.op === "in") { made.value = v.values || []; return made; }
      if (DAYS.indexOf(v.op) >= 0) { made.value = whole(v.value); if (zone && zone !== "UTC") { made.zone = zone; } return made; }
      made.value = type === "boolean" ? v.value === "true" : type === "number" ? number(v.value === undefined ? "" : v.value) : v.value || "";
      return made;
    }
    function compareRead(content) {
      if (!only(content, ["name", "type", "op", "value", "zone"])) { return null; }
      const v = { name: content.name, type: content.type || "text", op: content.op || "eq" };
      if (Array.isArray(content.value)) { v.values = several(content.value); if (v.type === "number") { return null; } }
      else if (content.value !== undefined) { v.value = String(content.value); }
      const ops = OPERATORS[v.type];
      return ops && ops.some(function (one) { return one[0] === v.op; }) ? v : null;
    }
    function compareReady(v) {
      if (!v.name) { return false; }
      if (v.op === "exists" || v.op === "missing") { return true; }
      return v.op === "in" ? Boolean((v.values || []).length) : v.value !== undefined && v.value !== "";
    }
    function fieldsOf(kind) { return choices.fields.filter(function (one) { return one.of === kind; }); }
    const KNOWN = [{ name: "amount", label: "amount", type: "number", choices: [] }, { name: "state", label: "state", type: "text", choices: [] }, { name: "product", label: "product", type: "text", choices: [] }, { name: "category", label: "category", type: "text", choices: [] }];
    function propertiesOf(kind) {
      const own = fieldsOf(kind);
      return own.concat(KNOWN.filter(function (one) { return !own.some(function (other) { return other.name === one.name; }); }));
    }

    /* --- how often, with a span --- */
    const countFields = [{ type: "select", name: "op", label: "How often", options: COUNTS, narrow: true }, { type: "number", name: "count", label: "Times", narrow: true, placeholder: "1" }];
    function countWrite(v) {
      return v.count === undefined || v.count === "" || (v.op === "ge" && String(v.count) === "1") ? {} : { count: { op: v.op || "ge", value: whole(v.count) } };
    }
    function countRead(content) {
      const found = content.count === undefined ? { op: "ge", value: "1" } : test(content.count);
      return found && { op: found.op, count: found.value };
    }

    function tokensLeaf(key, words, label, options, extra) {
      return Object.assign({ key: key, words: words, fields: function () { return [Object.assign({ type: "tokens", name: "values", label: label, options: options }, extra)]; },
        write: function (v) { return v.values || []; }, read: function (content) { return { values: several(content) }; }, ready: function (v) { return Boolean((v.values || []).length); } });
    }
    function flag(key, words) {
      return { key: key, words: words, fields: function () { return []; }, write: function () { return true; }, read: function (content) { return content === true ? {} : null; }, ready: function () { return true; } };
    }
    function spanLeaf(key, words, label) {
      return { key: key, words: words, fields: function () { return [{ type: "span", name: "span", label: label }]; }, write: function (v) { return parts.spanWrite(v.span, zone); },
        read: function (content) {
          if (only(content, ["op", "days"]) && content.op) { return { span: { form: content.op === "le" || content.op === "lt" ? "within_days" : "older_than_days", a: String(content.days) } }; }
          return only(content, SPANS) ? { span: parts.spanRead(content) } : null;
        }, ready: function (v) { return parts.spanReady(v.span); } };
    }
    function systemLeaf(key, words) {
      return { key: key, words: words, fields: function () { return countFields.concat([{ type: "span", name: "span", label: "When", optional: true }]); },
        write: function (v) { const made = Object.assign({}, countWrite(v), parts.spanWrite(v.span, zone)); return Object.keys(made).length ? made : true; },
        read: function (content) {
          if (content === true) { return { op: "ge", count: "1" }; }
          if (!only(content, SPANS.concat(["count"]))) { return null; }
          const count = countRead(content);
          return count && Object.assign(count, { span: parts.spanRead(content) });
        }, ready: function () { return true; } };
    }

    const LEAVES = [
      { group: "Lists and tags" },
      { key: "audience", words: "is on the list", fields: function () { return [{ type: "checks", name: "ids", label: "Any of these lists", options: choices.audiences.filter(function (one) { return !choices.brand() || String(one.brand_id) === choices.brand(); }).map(function (one) { return [String(one.id), one.name]; }), empty: "This brand has no list yet." }]; },
        write: function (v) { return (v.ids || []).map(Number); }, read: function (content) { return { ids: several(content) }; }, ready: function (v) { return Boolean((v.ids || []).length); } },
      { key: "tag", also: "all_tags", words: "has a tag", fields: function () { return [{ type: "select", name: "mode", label: "Tags", options: [["any", "any of"], ["all", "all of"]], narrow: true }, { type: "tokens", name: "values", label: "Tags", options: choices.tags }]; },
        name: function (v) { return v.mode === "all" ? "all_tags" : "tag"; }, write: function (v) { return v.values || []; }, read: function (content, key) { return { values: several(content), mode: key === "all_tags" ? "all" : "any" }; }, ready: function (v) { return Boolean((v.values || []).length); } },
      tokensLeaf("customer_group", "is in the customer group", "Groups", choices.groups),
      { group: "Who they are" },
      tokensLeaf("country", "lives in the country", "Countries", choices.countries, { upper: true, placeholder: "Germany or DE" }),
      tokensLeaf("region", "lives in the region", "Regions", [], { upper: true, placeholder: "US-FL" }),
      tokensLeaf("language", "reads the language", "Languages", choices.languages),
      { key: "custom", words: "has a field value", fields: function (v) { return compareFields(v, fieldsOf("contact"), "Field"); }, write: function (v) { return compareWrite(v, fieldsOf("contact")); }, read: compareRead, ready: compareReady },
      tokensLeaf("line_type", "has a number that is", "Kinds of number", choices.line_types),
      { key: "customer_key", words: "is a known customer", fields: function () { return []; }, write: function () { return true; }, read: function (content) { return content === true ? {} : null; }, ready: function () { return true; } },
      spanLeaf("created", "was added", "When"),
      tokensLeaf("source", "came in from", "Sources", choices.sources),
      { key: "import", words: "came in with the import", fields: function () { return [{ type: "number", name: "ids", label: "Number of the import", placeholder: "12" }]; }, write: function (v) { return String(v.ids || "").split(",").map(whole); }, read: function (content) { return { ids: several(content).join(", ") }; }, ready: function (v) { return Boolean(v.ids); } },
      flag("everyone", "is any contact of the brand"),
      { group: "Orders and events" },
      { key: "newest", words: "newest order, payment, pickup… is", fields: function (v) { return [{ type: "select", name: "kind", label: "Newest", options: kinds, again: true, narrow: true }, { type: "tokens", name: "values", label: "State is any of", options: (choices.states[v.kind || kinds[0][0]] || []).map(function (one) { return [one, one]; }), placeholder: "paid, ready…" }, { type: "span", name: "span", label: "And happened", optional: true }]; },
        write: function (v) { return Object.assign({ kind: v.kind || kinds[0][0], state: v.values || [] }, parts.spanWrite(v.span, zone)); },
        read: function (content) { return only(content, SPANS.concat(["kind", "state"])) ? { kind: content.kind, values: several(content.state), span: parts.spanRead(content) } : null; }, ready: function (v) { return Boolean((v.values || []).length); } },
      { key: "event", words: "had an event", fields: function (v) { return [{ type: "select", name: "kind", label: "Event", options: kinds, again: true, narrow: true }].concat(countFields, [{ type: "span", name: "span", label: "When", optional: true }]); },
        properties: function (v) { return { list: v.properties = v.properties || [], fields: function (one) { return compareFields(one, propertiesOf(v.kind || kinds[0][0]), "Property"); } }; },
        write: function (v) {
          const kind = v.kind || kinds[0][0];
          const properties = (v.properties || []).map(function (one) { return compareWrite(one, propertiesOf(kind)); });
          return Object.assign({ kind: kind }, countWrite(v), parts.spanWrite(v.span, zone), properties.length ? { properties: properties } : {});
        },
        read: function (content) {
          if (!only(content, SPANS.concat(["kind", "count", "properties"]))) { return null; }
          const count = countRead(content);
          const properties = (content.properties || []).map(compareRead);
          return count && properties.every(Boolean) ? Object.assign(count, { kind: content.kind, span: parts.spanRead(content), properties: properties }) : null;
        }, ready: function (v) { return (v.properties || []).every(compareReady); } },
      { key: "purchases", words: "bought so often, or for so much", fields: function () { return [
          { type: "select", name: "cop", label: "Orders", options: [["", "any number"]].concat(COUNTS), narrow: true }, { type: "number", name: "count", label: "How many", narrow: true },
          { type: "select", name: "top", label: "Spent in all", options: [["", "any amount"]].concat(COUNTS), narrow: true }, { type: "number", name: "total", label: "Amount", narrow: true },
          { type: "span", name: "first", label: "First order", optional: true }, { type: "span", name: "last", label: "Last order", optional: true }]; },
        write: function (v) {
          const first = parts.spanWrite(v.first, zone);
          const last = parts.spanWrite(v.last, zone);
          return Object.assign({ kind: v.kind || "order" }, v.cop ? { count: { op: v.cop, value: whole(v.count) } } : {}, v.top ? { total: { op: v.top, value: number(v.total === undefined ? "" : v.total) } } : {}, Object.keys(first).length ? { first: first } : {}, Object.keys(last).length ? { last: last } : {});
        },
        read: function (content) {
          if (!only(content, ["kind", "count", "total", "first", "last"])) { return null; }
          const count = content.count ? test(content.count) : { op: "", value: "" };
          const total = content.total ? test(content.total) : { op: "", value: "" };
          return count && total && { kind: content.kind || "order", cop: count.op, count: count.value, top: total.op, total: total.value, first: parts.spanRead(content.first || {}), last: parts.spanRead(content.last || {}) };
        },
        ready: function (v) { return Boolean((v.cop && v.count) || (v.top && v.total) || parts.spanReady(v.first) || parts.spanReady(v.last)) && !(v.cop && !v.count) && !(v.top && !v.total); } },
      { key: "repurchase", words: "is due for the next order", fields: function (v) { return [{ type: "select", name: "mode", label: "Due when the last order is", options: [["factor", "longer ago than usual for them"], ["days", "so many days ago"]], again: true },
          v.mode === "days" ? { type: "number", name: "value", label: "Days", narrow: true, placeholder: "60" } : { type: "number", name: "value", label: "Times their mean gap", narrow: true, placeholder: "1.2" }, { type: "number", name: "lapsed", label: "At most days ago", narrow: true, placeholder: "any" }]; },
        write: function (v) { return Object.assign({ kind: v.kind || "order" }, v.mode === "days" ? { days: whole(v.value) } : { factor: number(v.value === undefined ? "" : v.value) }, v.lapsed ? { lapsed_days: whole(v.lapsed) } : {}); },
        read: function (content) { return only(content, ["kind", "days", "factor", "lapsed_days"]) ? { kind: content.kind || "order", mode: content.days === undefined ? "factor" : "days", value: String(content.days === undefined ? content.factor : content.days), lapsed: content.lapsed_days === undefined ? "" : String(content.lapsed_days) } : null; },
        ready: function (v) { return v.value !== undefined && v.value !== ""; } },
      { group: "Texts and answers" },
      spanLeaf("last_sent", "got the last text", "When"),
      { key: "sent", words: "got so many texts", fields: function () { return countFields.concat([{ type: "number", name: "within", label: "In the last days", narrow: true, placeholder: "any" }]); },
        write: function (v) { return Object.assign({ count: { op: v.op || "ge", value: whole(v.count === undefined ? "" : v.count) } }, v.within ? { within_days: whole(v.within) } : {}); },
        read: function (content) { const found = only(content, ["count", "within_days"]) && test(content.count); return found ? { op: found.op, count: found.value, within: content.within_days === undefined ? "" : String(content.within_days) } : null; },
        ready: function (v) { return v.count !== undefined && v.count !== ""; } },
      flag("never_sent", "was never texted"),
      systemLeaf("replied", "replied to a text"),
      systemLeaf("clicked", "clicked a link"),
      { group: "Consent" },
      { key: "consent", words: "has consent", fields: function () { return [{ type: "select", name: "purpose", label: "For", options: choices.purposes, narrow: true }, { type: "tokens", name: "basis", label: "Basis", options: choices.bases, placeholder: "any" }, { type: "tokens", name: "method", label: "Given by", options: choices.methods, placeholder: "any" }, { type: "span", name: "span", label: "Given", optional: true }, { type: "text", name: "source", label: "Address contains", placeholder: "any" }, { type: "number", name: "expires", label: "Lapses within days", narrow: true, placeholder: "any" }]; },
        write: function (v) { return Object.assign({ purpose: v.purpose || "marketing" }, (v.basis || []).length ? { basis: v.basis } : {}, (v.method || []).length ? { method: v.method } : {}, v.source ? { source: v.source } : {}, v.expires ? { expires_within_days: whole(v.expires) } : {}, parts.spanWrite(v.span, zone)); },
        read: function (content) {
          if (content === true) { return { purpose: "marketing" }; }
          if (!only(content, SPANS.concat(["purpose", "basis", "method", "source", "expires_within_days"]))) { return null; }
          return { purpose: content.purpose || "marketing", basis: content.basis ? several(content.basis) : [], method: content.method ? several(content.method) : [], source: content.source || "", expires: content.expires_within_days === undefined ? "" : String(content.expires_within_days), span: parts.spanRead(content) };
        }, ready: function () { return true; } },
      { key: "consent_age", words: "gave consent", fields: function () { return [{ type: "select", name: "op", label: "When", options: [["le", "at most"], ["ge", "at least"], ["lt", "less than"], ["gt", "more than"]], narrow: true }, { type: "number", name: "days", label: "Days ago", narrow: true }]; },
        write: function (v) { return { op: v.op || "le", days: whole(v.days === undefined ? "" : v.days) }; }, read: function (content) { return only(content, ["op", "days"]) ? { op: content.op, days: String(content.days) } : null; }, ready: function (v) { return v.days !== undefined && v.days !== ""; } },
    ];
    const RAW = { key: "", raw: true, words: "as JSON", fields: function () { return [{ type: "text", name: "text", label: "Condition as JSON" }]; }, ready: function (v) { try { JSON.parse(v.text); return true; } catch (error) { return false; } } };
    return { list: LEAVES, raw: RAW, find: function (key) { return LEAVES.find(function (one) { return one.key === key || one.also === key; }); } };
  };
})();
