"use strict";
/* What the console does in the browser by itself: maps on a canvas, the wall's second hand, keys, languages. */
const og = (() => {
  const texts = { keys: [] };
  const esc = (s) => String(s ?? "").replace(/[&<>"']/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" }[c]));
  const zh = () => document.documentElement.lang !== "en";
  const pick = (a, b) => (zh() ? a : b || a);

  function language(to) {
    document.cookie = `onegrid-lang=${to};path=/;max-age=31536000;samesite=strict`;
    const url = new URL(location.href);
    url.searchParams.delete("lang");
    location.href = url.href;
  }
  function help() {
    const box = document.getElementById("og-help");
    box.textContent = texts.keys.join("\n");
    box.open ? box.close() : box.showModal();
  }
  document.addEventListener("keydown", (e) => {
    const typing = /INPUT|TEXTAREA|SELECT/.test(e.target.tagName) || e.target.isContentEditable;
    if (e.altKey && /^[1-9]$/.test(e.key)) {
      const link = document.querySelector(`.og-nav a[data-key="${e.key}"]`);
      if (link) { e.preventDefault(); link.click(); }
    } else if (!typing && !e.ctrlKey && !e.metaKey) {
      if (e.key === "/") {
        const field = document.querySelector(".og-search input");
        if (field) { e.preventDefault(); field.focus(); }
      } else if (e.key === "?") help();
      else if (e.key === "l" || e.key === "L") document.getElementById("og-lang")?.click();
    }
  });

  /* Sessions. What somebody does in a page goes over its socket, so the session is told of it apart; a page whose
     session is over is asked for anew, which shows where to sign in. */
  let acted = false;
  for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, () => { acted = true; }, { capture: true, passive: true });
  setInterval(async () => {
    if (!acted && (!window.socket || window.socket.connected)) return;
    acted = false;
    const answer = await fetch("/v1/session").catch(() => null);
    if (answer && answer.status === 401) location.reload();
  }, 30000);
  async function signOut() {
    const mine = await (await fetch("/v1/session")).json();
    await fetch("/v1/session", { method: "DELETE", headers: { "X-CSRF-Token": mine.csrf || "" } });
    location.href = "/login";
  }

  /* Maps. Shapes come by level and place, are kept, and drawn on one canvas. */
  const kept = new Map();
  async function shapes(query) {
    if (!kept.has(query)) {
      const answer = await fetch(`/console/shapes?${query}`);
      if (!answer.ok) throw new Error(`${answer.status} ${query}`);
      kept.set(query, await answer.json());
    }
    return kept.get(query);
  }
  async function mapOf(id) {
    for (let n = 0; n < 200; n++) {
      const map = window.L && typeof getElement === "function" && getElement(id)?.map;
      if (map) return map;
      await new Promise((done) => setTimeout(done, 25));
    }
    throw new Error(`no map ${id}`);
  }
  const LIGHTS = { NONE: "#8fa3b8", GREEN: "#2e9d53", YELLOW: "#e0a021", RED: "#d6453d" };
  const colourOf = (load) => (!load || !load[0] ? LIGHTS.NONE : load[1] === 0 ? LIGHTS.GREEN : load[1] / load[0] <= 0.2 ? LIGHTS.YELLOW : LIGHTS.RED);
  const opacityOf = (load, most) => (!load || !load[0] ? 0.14 : 0.25 + 0.5 * Math.min(1, Math.sqrt(load[0] / Math.max(1, most))));

  class AreaMap {
    constructor(id, options) { this.id = id; this.options = options; this.layers = new Map(); this.load = {}; }
    async open(query, fit = true) {
      const map = (this.map = this.map || (await mapOf(this.id)));
      this.canvas = this.canvas || L.canvas({ padding: 0.3 });
      const found = await shapes(query);
      for (const one of this.layers.values()) one.remove();
      this.layers.clear();
      const dark = document.body.classList.contains("og-dark");
      for (const one of found.shapes) {
        const layer = L.polygon(one.p, { renderer: this.canvas, weight: one.w || 1, color: one.line || (dark ? "#9fb6cc" : "#3d5368"),
          fillColor: LIGHTS.NONE, fillOpacity: 0.14, dashArray: one.dash || null });
        layer.bindTooltip(() => this.tip(one), { sticky: true });
        layer.on("click", (e) => { L.DomEvent.stopPropagation(e); this.options.click && this.options.click(one, e.latlng); });
        layer.on("mouseover", () => { layer.setStyle({ weight: 3 }); this.options.over && this.options.over(one); });
        layer.on("mouseout", () => layer.setStyle({ weight: one.w || 1 }));
        layer.addTo(map);
        this.layers.set(one.c, Object.assign(layer, { og: one }));
      }
      if (fit && found.bounds) map.fitBounds(found.bounds, { animate: false, padding: [8, 8] });
      this.paint(this.load);
      document.getElementById(`c${this.id}`)?.setAttribute("data-shapes", String(found.shapes.length));
      return found;
    }
    tip(one) {
      const load = this.load[one.c];
      const more = one.x ? "<br>" + one.x.map(([c, w]) => `${esc(c)} ${(100 * w).toFixed(1)}%`).join("<br>") : "";
      const name = pick(one.n[0], one.n[1]);
      return `<b>${esc(name)}</b>${name === one.c ? "" : ` <span>${esc(one.c)}</span>`}` +
        (load ? `<br>${pick("在办", "open")} ${load[0]} · ${pick("超期", "overdue")} ${load[1]}` : "") + more;
    }
    paint(load) {
      this.load = load;
      const most = Math.max(1, ...Object.values(load).map((one) => one[0]));
      for (const [code, layer] of this.layers) {
        if (layer.og.fill === false) continue;
        layer.setStyle({ fillColor: colourOf(load[code]), fillOpacity: opacityOf(load[code], most) });
      }
    }
  }

  /* The wall: one request a second, the same answer for all who look. */
  let wall = null;
  const time = (s) => s.slice(11, 19);
  function set(id, html) { const box = document.getElementById(id); if (box && box.dataset.last !== html) { box.dataset.last = html; box.innerHTML = html; } }
  const why = (reason) => {
    const [head, tail] = reason.split(" ");
    if (head === "severity") return `${pick("等级", "severity")} ${tail}`;
    const known = (texts.clocks || {})[head] || (texts.states || {})[reason];
    return known ? `${known} ${/%$/.test(tail || "") ? tail : ""}` : reason;
  };
  const percent = (a, b) => (b ? `${((100 * a) / b).toFixed(1)}%` : "–");
  function draw(s) {
    const now = new Date(s.now), figures = [
      [pick("案件", "Cases"), s.cases], [pick("结案", "Closed"), s.closed],
      [pick("在办", "Open"), s.desks.reduce((n, d) => n + d.open, 0)], [pick("超期", "Overdue"), s.desks.reduce((n, d) => n + d.overdue, 0)],
      [pick("重复", "Duplicates"), s.duplicates], [pick("退信", "Dead letters"), s.dead_letters],
      [pick("待确认告警", "Unconfirmed"), s.unconfirmed], [pick("派遣中位数", "Median dispatch"), s.dispatch_seconds == null ? "–" : `${s.dispatch_seconds} s`],
    ];
    set("og-now", `${s.now.slice(0, 10)} ${time(s.now)}`);
    set("og-figures", figures.map(([name, value]) => `<div class="og-figure"><b>${esc(typeof value === "number" ? value.toLocaleString("en") : value)}</b><span>${esc(name)}</span></div>`).join(""));
    set("og-desks", `<table class="og-table"><thead><tr><th>${pick("指挥中心", "Centre")}</th><th class="n">${pick("在办", "Open")}</th><th class="n">${pick("超期", "Overdue")}</th><th class="n">${pick("按期", "On time")}</th></tr></thead><tbody>` +
      s.desks.map((d) => { const share = d.finished ? d.in_time / d.finished : 0; return `<tr><td><a href="/duty?desk=${esc(d.desk)}">${esc(pick(d.name_zh, d.name_en))}</a><div class="og-bar" role="img" aria-label="${percent(d.in_time, d.finished)}"><i style="width:${(100 * share).toFixed(1)}%"></i></div></td><td class="n">${d.open}</td><td class="n">${d.overdue ? `<span class="og-tag RED">${d.overdue}</span>` : 0}</td><td class="n">${percent(d.in_time, d.finished)}</td></tr>`; }).join("") + "</tbody></table>");
    const none = `<p class="og-dim">${pick("暂无", "none yet")}</p>`;
    set("og-feed", !s.feed.length ? none : "<ul>" + s.feed.map((f) => `<li><span class="og-dim">${time(f.at)}</span> <a href="/case/${esc(f.case_no)}">${esc(f.case_no)}</a> <span class="og-tag NONE">${esc(texts.states?.[f.state_zh] || pick(f.state_zh, f.state_en))}</span> ${esc(pick(f.category_zh, f.category_en))} <span class="og-dim">${esc(pick(f.unit_zh, f.unit_en))}</span></li>`).join("") + "</ul>");
    set("og-alerts", !s.alerts.length ? none : "<ul>" + s.alerts.map((a) => `<li><span class="og-dim">${time(a.sent_at)}</span> <a href="/case/${esc(a.case_no)}">${esc(a.case_no)}</a> <span class="og-tag ${a.severity <= 2 ? "RED" : "YELLOW"}">${esc(a.kind === "CANCEL" ? pick("解除", "Cancel") : a.kind === "UPDATE" ? pick("更新", "Update") : pick("告警", "Alert"))} ${a.severity}</span> ${esc(why(a.reason))}</li>`).join("") + "</ul>");
    if (wall.map) wall.map.paint(wall.grids || (wall.level === "desk" ? Object.fromEntries(s.desks.map((d) => [d.desk, [d.open, d.overdue]])) : s.streets));
    const chart = getElement(wall.chart)?.chart;
    if (chart && JSON.stringify(s.flow) !== wall.flow) {
      wall.flow = JSON.stringify(s.flow);
      chart.setOption({ series: [{ data: s.flow.map((h) => h[0]) }, { data: s.flow.map((h) => h[1]) }] });
    }
    document.body.dataset.seen = s.now;
    void now;
  }
  async function tick() {
    try {
      const answer = await fetch("/console/state");
      if (answer.status === 401) { location.reload(); return; }
      if (answer.ok) draw(await answer.json());
      if (wall.street) wall.grids = await (await fetch(`/console/load?street=${encodeURIComponent(wall.street)}`)).json();
    } catch (e) { document.body.dataset.trouble = String(e); }
    setTimeout(tick, 1000);
  }
  async function startWall(map, chart) {
    wall = { chart, level: "street" };
    wall.map = new AreaMap(map, { click: (one) => down(one) });
    await crumbs([]);
    await wall.map.open("level=street");
    tick();
  }
  async function crumbs(path) {
    set("og-crumbs", `<button data-to="city">${pick("全市", "City")}</button>` + path.map(([code, name]) => `<span>›</span><button data-to="${esc(code)}">${esc(name)}</button>`).join(""));
    document.querySelectorAll("#og-crumbs button").forEach((b) => b.addEventListener("click", async () => {
      if (b.dataset.to === "city") { wall.street = null; wall.grids = null; wall.level = "street"; await wall.map.open("level=street"); await crumbs([]); }
    }));
  }
  async function down(one) {
    if (wall.street) { location.href = `/duty?grid=${encodeURIComponent(one.c)}`; return; }
    wall.street = one.c;
    wall.grids = await (await fetch(`/console/load?street=${encodeURIComponent(one.c)}`)).json();
    await wall.map.open(`level=grid&street=${encodeURIComponent(one.c)}`);
    wall.map.paint(wall.grids);
    await crumbs([[one.c, pick(one.n[0], one.n[1])]]);
  }

  /* Maps of the other pages: areas to look at, a place to be named by a click. */
  const maps = new Map();
  async function areaMap(id, query, load) {
    const map = maps.get(id) || new AreaMap(id, { click: (one, at) => emitEvent("og_place", { map: id, code: one.c, lat: at.lat, lng: at.lng }) });
    maps.set(id, map);
    await map.open(query, !map.map);
    if (load) map.paint(load);
    map.map.off("click").on("click", (e) => emitEvent("og_place", { map: id, code: "", lat: e.latlng.lat, lng: e.latlng.lng }));
  }
  async function overlay(id, query) {
    const base = maps.get(id);
    const map = await mapOf(id);
    (base.extra || []).forEach((one) => one.remove());
    base.extra = [];
    if (!query) return;
    const found = await shapes(query);
    for (const one of found.shapes) {
      const layer = L.polygon(one.p, { renderer: base.canvas, weight: 2, color: "#b0187a", dashArray: "5 4", fillColor: "#b0187a", fillOpacity: 0.04 });
      layer.bindTooltip(() => base.tip(one), { sticky: true });
      layer.on("click", (e) => emitEvent("og_place", { map: id, code: one.c, old: true, lat: e.latlng.lat, lng: e.latlng.lng }));
      base.extra.push(layer.addTo(map));
    }
    document.getElementById(`c${id}`)?.setAttribute("data-overlay", String(found.shapes.length));
  }
  async function points(id, many, zoom) {
    const map = await mapOf(id);
    (map.ogPoints || []).forEach((one) => one.remove());
    map.ogPoints = many.map((one) => L.circleMarker([one.lat, one.lng], { radius: one.r || 7, weight: 2, color: "#fff", fillColor: one.colour || "#a8201a", fillOpacity: 0.95 }).bindTooltip(esc(one.text)).addTo(map));
    if (zoom && many.length) map.setView([many[0].lat, many[0].lng], zoom, { animate: false });
  }
  return { language, help, signOut, texts: (given) => Object.assign(texts, given), startWall, areaMap, overlay, points };
})();
