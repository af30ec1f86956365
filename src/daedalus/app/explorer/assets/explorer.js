// What the browser does itself: controls are kept in step with the design, and one question at a time is in flight.
(function () {
  "use strict";
  const PATIENCE = 15000; // ms after which an answer is given up
  const SAME = 1e-9; // of a parameter's range: numbers nearer than that are the same

  const same = (a, b, scale) => Math.abs(a - b) <= SAME * (scale.high - scale.low);
  const rounded = (value, scale) =>
    Math.min(Math.max(Number(value.toFixed(scale.decimals)), scale.low), scale.high);
  const numberOf = (scales, name) => scales.findIndex((scale) => scale.name === name);
  const none = () => window.dash_clientside.no_update;
  const touched = () =>
    window.dash_clientside.callback_context.triggered.map((each) => {
      const id = each.prop_id.slice(0, each.prop_id.lastIndexOf("."));
      return { name: JSON.parse(id).name, value: each.value };
    });
  const shown = (value) => String(Number(value.toPrecision(6)));
  const wish = (place) => JSON.stringify([place.values, place.leaves]);

  // What somebody has done by hand, by parameter: controls that follow a design must not be taken for moves of it.
  const slid = {};
  const wrote = {};
  document.addEventListener(
    "input",
    function (event) {
      const element = event.target.closest('[id^="{"]');
      if (!element) return;
      const id = JSON.parse(element.id);
      if (id.type === "slider") slid[id.name] = Number(event.target.value);
      if (id.type === "field") wrote[id.name] = event.target.value;
    },
    true
  );

  // the token has done its work: it need not stay in the address bar and in the history
  const address = new URL(window.location.href);
  if (address.searchParams.has("token")) {
    address.searchParams.delete("token");
    window.history.replaceState(null, "", address.pathname + address.search);
  }

  const explorer = {
    // a slider was moved: the design, with the other number
    moved: function (values, place, scales) {
      if (!place) return none();
      let changed = null;
      for (const each of touched()) {
        const index = numberOf(scales, each.name);
        const value = Number(each.value);
        if (index < 0 || slid[each.name] !== value || same(value, place.values[index], scales[index])) continue;
        changed = changed || { values: place.values.slice(), leaves: place.leaves, moved: each.name };
        changed.values[index] = rounded(value, scales[index]);
      }
      if (changed) window.dash_clientside.set_props("message", { children: "" });
      return changed || none();
    },
    // something was typed: the server says whether it is a number that fits
    typed: function (values, place, scales) {
      if (!place) return none();
      for (const each of touched()) {
        const index = numberOf(scales, each.name);
        const text = each.value === null || each.value === undefined ? "" : String(each.value);
        if (index < 0 || wrote[each.name] !== text) continue;
        delete wrote[each.name];
        if (text.trim() !== shown(place.values[index])) return { name: each.name, text: text };
        window.dash_clientside.set_props("message", { children: "" });
      }
      return none();
    },
    held: function (values, ids, held) {
      const here = new Set(ids.map((id) => id.name));
      const kept = (held || []).filter((name) => !here.has(name));
      return kept.concat(...values.map((each) => each || []));
    },
    // the design is another one, or other rows are shown: all controls follow
    placed: function (place, rows, scales, ids, sliders, fields) {
      if (!place) return none();
      ids.forEach((id, i) => {
        const index = numberOf(scales, id.name);
        const value = place.values[index];
        if (!same(Number(sliders[i]), value, scales[index]))
          window.dash_clientside.set_props({ type: "slider", name: id.name }, { value: value });
        if (fields[i] !== shown(value))
          window.dash_clientside.set_props({ type: "field", name: id.name }, { value: shown(value) });
      });
      return none();
    },
    // the next question, unless one is in flight: then `answered` asks it
    ask: function (place, asked, answer) {
      if (!place || (asked && wish(asked.place) === wish(place))) return none();
      const waiting = asked && (!answer || answer.number !== asked.number);
      if (waiting && Date.now() - asked.at < PATIENCE) return none();
      return { number: asked ? asked.number + 1 : 1, at: Date.now(), place: place };
    },
    answered: function (answer, place, asked) {
      if (place && asked && answer && answer.number === asked.number && wish(asked.place) !== wish(place))
        window.dash_clientside.set_props("asked", {
          data: { number: asked.number + 1, at: Date.now(), place: place },
        });
      return none();
    },
  };
  window.dash_clientside = Object.assign({}, window.dash_clientside, { explorer: explorer });
})();
