/* Turns a field for ids into a search by name. Keys: arrows, Enter, Escape; Tab leaves the field. */
"use strict";

for (const box of document.querySelectorAll(".op-chooser")) {
    const plain = box.querySelector("input, textarea");
    const many = Boolean(box.dataset.many);
    const chosen = new Map(JSON.parse(box.dataset.chosen));
    const make = (tag, options) => Object.assign(document.createElement(tag), options);

    const search = make("input", { type: "text", className: plain.className, autocomplete: "off", placeholder: box.dataset.hint, spellcheck: false });
    search.classList.remove("font-mono");
    search.id = plain.id;
    plain.id += "_ids";
    plain.hidden = true;
    const list = make("ul", { id: plain.id + "_list", className: "op-choices", hidden: true });
    const said = make("p", { className: "op-help" });
    const chips = make("div", { className: "op-chips" });
    for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-expanded", "false"], ["aria-controls", list.id]]) search.setAttribute(name, value);
    list.setAttribute("role", "listbox");
    said.setAttribute("role", "status");
    box.querySelector(".op-chosen").remove();
    box.append(chips, search, list, said);

    let options = [];
    let active = -1;
    let asked = 0;
    let timer = 0;

    const store = () => { plain.value = [...chosen.keys()].join("\n"); };
    const close = () => {
        list.hidden = true;
        active = -1;
        search.setAttribute("aria-expanded", "false");
        search.removeAttribute("aria-activedescendant");
    };
    const draw = () => {
        chips.replaceChildren(...[...chosen].map(([id, label]) => {
            const chip = make("span", { className: "op-chip" });
            const away = make("button", { type: "button", textContent: "×" });
            away.setAttribute("aria-label", "Remove " + label);
            away.addEventListener("click", () => { chosen.delete(id); store(); draw(); search.focus(); });
            chip.append(make("span", { textContent: label }), away);
            return chip;
        }));
        search.hidden = !many && chosen.size > 0;
    };
    const take = (index) => {
        const item = options[index];
        if (!item) return;
        if (!many) chosen.clear();
        chosen.set(item.id, item.label);
        store();
        search.value = "";
        said.textContent = "Chosen: " + item.label;
        close();
        draw();
        (search.hidden ? chips.querySelector("button") : search).focus();
    };
    const mark = (index) => {
        active = options.length ? (index + options.length) % options.length : -1;
        [...list.children].forEach((row, at) => row.setAttribute("aria-selected", String(at === active)));
        const row = list.children[active];
        if (!row) return;
        search.setAttribute("aria-activedescendant", row.id);
        row.scrollIntoView({ block: "nearest" });
    };
    const show = (answer) => {
        options = answer.items.filter((item) => !chosen.has(item.id));
        list.replaceChildren(...options.map((item, at) => {
            const row = make("li", { id: list.id + at, textContent: item.label });
            row.setAttribute("role", "option");
            row.addEventListener("mousedown", (event) => { event.preventDefault(); take(at); });
            return row;
        }));
        list.hidden = !options.length;
        search.setAttribute("aria-expanded", String(!list.hidden));
        said.textContent = answer.message || (answer.more ? "There are more: write on to narrow it down." : options.length + " found");
        mark(0);
    };
    const ask = async () => {
        const mine = ++asked;
        try {
            const answer = await fetch(box.dataset.url + "?q=" + encodeURIComponent(search.value), { headers: { Accept: "application/json" } });
            const body = await answer.json();
            if (mine === asked) show(body);
        } catch {
            if (mine === asked) said.textContent = "The search cannot be reached at this moment. Try again.";
        }
    };
    const later = () => { clearTimeout(timer); timer = setTimeout(ask, 250); };

    search.addEventListener("input", later);
    search.addEventListener("focus", () => { if (!search.value) later(); });
    search.addEventListener("blur", () => {
        clearTimeout(timer);
        asked += 1;
        close();
        said.textContent = search.value ? "Nothing is chosen yet: take one of the list, with the arrow keys and Enter." : "";
    });
    search.addEventListener("keydown", (event) => {
        if (event.key === "ArrowDown" || event.key === "ArrowUp") {
            event.preventDefault();
            if (list.hidden) ask(); else mark(active + (event.key === "ArrowDown" ? 1 : -1));
        } else if (event.key === "Enter" && (!list.hidden || search.value)) {
            event.preventDefault();
            if (!list.hidden) take(active);
        } else if (event.key === "Escape") {
            close();
        } else if (event.key === "Backspace" && !search.value && many && chosen.size) {
            chosen.delete([...chosen.keys()].pop());
            store();
            draw();
        }
    });
    draw();
}
