// The grid worker's page. What a worker does goes into a queue in the browser first, and from there to the gateway:
// once it is in the queue nothing is lost by a reload or without reception, and each entry has a number of its own, by
// which the gateway knows one that comes twice.
"use strict";

const WORDS = {
  zh: { photo: "拍照", send: "上报", loading: "读取中…", tabReport: "上报", tabTasks: "任务", tabMine: "我的上报", tabMe: "我",
    worker: "网格员编号", unit: "所在单位编号", account: "账号", password: "口令", signin: "登录", signout: "退出登录",
    on: "在岗", off: "离岗", online: "在线", offline: "离线", queued: "待发", find: "查找类别", text: "补充说明（可不填）",
    noPlace: "正在定位…", place: "位置", metres: "米", denied: "未获定位授权，可填写地址说明", kept: "已存入待发队列", sent: "已送达",
    refused: "未被受理", none: "没有", noTasks: "没有任务", noMine: "还没有上报", due: "截止", sign: "签收", start: "开始处置",
    done: "完成（拍照）", right: "属实", wrong: "不属实", pass: "核查通过", fail: "核查不通过", reason: "请填写原因",
    signFirst: "请先登录", drop: "放弃", again: "重发", others: "非事件", recent: "常用", wrongWord: "登录未成功",
    saved: "本机保存", matter: "事项", stateOf: "状态" },
  en: { photo: "Photo", send: "Report", loading: "Loading…", tabReport: "Report", tabTasks: "Tasks", tabMine: "My reports", tabMe: "Me",
    worker: "Worker number", unit: "Unit code", account: "Account", password: "Password", signin: "Sign in", signout: "Sign out",
    on: "On duty", off: "Off duty", online: "online", offline: "offline", queued: "waiting", find: "Find a category",
    text: "More to say (optional)", noPlace: "Finding your position…", place: "Position", metres: "m",
    denied: "No permission to locate; please describe the address", kept: "Kept; it goes out when there is reception",
    sent: "Sent", refused: "Not taken in", none: "none", noTasks: "No tasks", noMine: "No reports yet", due: "due", sign: "Sign",
    start: "Start", done: "Done (photo)", right: "True", wrong: "Not true", pass: "Check passed", fail: "Check failed",
    reason: "Please give the reason", signFirst: "Please sign in", drop: "Drop", again: "Send again", others: "Not incidents",
    recent: "Frequent", wrongWord: "Could not sign in", saved: "on this phone", matter: "matter", stateOf: "state" },
};
const STATES = { REPORTED: "已上报", VERIFYING: "核实中", ACCEPTED: "已受理", FILED: "已立案", DISPATCHED: "已派遣", SIGNED: "已签收",
  HANDLING: "处置中", HANDLED: "处置完成", CHECKING: "核查中", CLOSED: "已结案", EVALUATED: "已评价", NOT_ACCEPTED: "不予受理",
  NOT_FILED: "不予立案", CANCELLED: "作废", MERGED: "并案", FORCED_CLOSED: "强制结案", RETURNED: "回退", REWORK: "返工",
  SUSPENDED: "挂账", DISPUTED: "争议" };

const $ = (name) => document.getElementById(name);
const store = (name, value) => value === undefined ? JSON.parse(localStorage.getItem(name) || "null")
  : localStorage.setItem(name, JSON.stringify(value));
let lang = store("lang") || (navigator.language.startsWith("zh") ? "zh" : "en");
let user = store("user");
let catalogue = store("catalogue") || { categories: [], matters: [] };
let picked = null, photo = null, fix = null, tab = "report", sending = null;
const t = (name) => WORDS[lang][name] || name;
const stateOf = (state) => lang === "zh" ? STATES[state] || state : state;
const named = (one) => lang === "zh" ? one.zh : one.en || one.zh;

function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

let saidTimer = 0;
function say(text, kind = "") {
  $("said").textContent = text;
  $("said").className = kind;
  $("said").hidden = false;
  clearTimeout(saidTimer);
  saidTimer = setTimeout(() => { $("said").hidden = true; }, 3500);
}

// The queue

function database() {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open("onegrid", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore("queue", { keyPath: "id" });
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}

async function queue(mode, work) {
  const base = await database();
  return new Promise((resolve, reject) => {
    const turn = base.transaction("queue", mode, { durability: "strict" });
    const asked = work(turn.objectStore("queue"));
    turn.oncomplete = () => { base.close(); resolve(asked && asked.result); };
    turn.onerror = turn.onabort = () => { base.close(); reject(turn.error); };
  });
}
const put = (entry) => queue("readwrite", (entries) => entries.put(entry));
const remove = (id) => queue("readwrite", (entries) => entries.delete(id));
const entries = async () => (await queue("readonly", (all) => all.getAll())).sort((one, other) => one.made - other.made);

function number() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Asking the gateway

async function ask(path, options = {}) {
  const headers = { ...options.headers };
  if (user && user.csrf) headers["X-CSRF-Token"] = user.csrf;
  const answer = await fetch(path, { ...options, headers, credentials: "same-origin", cache: "no-store" });
  if (answer.status === 401 && path !== "/v1/session") { user = null; store("user", null); showMe(); }
  return answer;
}

async function sendOne(entry) {
  const names = entry.names || [];
  for (const [place, blob] of entry.photos.entries()) {
    if (names[place]) continue;
    const answer = await ask("/v1/media", { method: "POST", body: blob, headers: { "Content-Type": blob.type || "image/jpeg" } });
    if (answer.status !== 201) return answer;
    names[place] = (await answer.json()).name;
    await put({ ...entry, names });
  }
  const headers = { "Content-Type": "application/json", "Idempotency-Key": entry.id };
  const body = entry.kind === "report" ? { ...entry.body, media: names }
    : { ...entry.body, payload: { ...entry.body.payload, ...(names.length ? { evidence: names } : {}) } };
  return ask(entry.path, { method: "POST", headers, body: JSON.stringify(body) });
}

// One run at a time, the oldest entry first: what came before has to be there before.
function flush() {
  sending = sending || run().finally(() => { sending = null; showQueue(); });
  return sending;
}

async function run() {
  for (const entry of await entries()) {
    if (entry.refused) continue;
    let answer;
    try {
      if (navigator.locks) {
        answer = await navigator.locks.request("onegrid-queue", async () =>
          (await entries()).some((one) => one.id === entry.id) ? sendOne(entry) : null);
      } else answer = await sendOne(entry);
    } catch (error) { return; }  // no reception: all waits
    if (!answer) continue;
    if (answer.ok) {
      await remove(entry.id);
      if (entry.kind === "report") remember(entry);
      say(`${t("sent")}: ${entry.title}`);
      if (tab !== "report") show(tab);
      continue;
    }
    if ([401, 408, 429, 500, 502, 503, 504, 507].includes(answer.status)) return;
    const problem = await answer.json().catch(() => ({}));
    await put({ ...entry, refused: (lang === "zh" ? problem.detail_zh : problem.detail) || String(answer.status) });
    say(`${t("refused")}: ${problem.detail_zh || ""} ${problem.detail || answer.status}`, "bad");
  }
}

function remember(entry) {
  const code = entry.body.category;
  if (!code) return;
  const counts = store("used") || {};
  counts[code] = (counts[code] || 0) + 1;
  store("used", counts);
}

async function add(entry) {
  await put({ id: number(), made: Date.now(), photos: [], names: [], ...entry });
  say(t("kept"));
  showQueue();
  flush();
}

// Reporting: a photo, a category, send

const who = () => (user && user.kind === "local" ? store("local") || {} : { worker: user && user.name, unit: user && user.unit });

async function smaller(file) {
  try {
    const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
    const scale = Math.min(1, 1600 / Math.max(bitmap.width, bitmap.height));
    const canvas = make("canvas", { width: Math.round(bitmap.width * scale), height: Math.round(bitmap.height * scale) });
    canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.85));
  } catch (error) { return file; }
}

async function tookPhoto(event) {
  const [file] = event.target.files;
  if (!file) return;
  photo = await smaller(file);
  $("preview").src = URL.createObjectURL(photo);
  $("preview").hidden = false;
  document.querySelector("#photo span").hidden = true;
  ready();
}

function ready() { $("send").disabled = !picked; }

async function report() {
  const now = new Date(), me = who();
  const title = named(picked);
  const body = { system: "phone", system_no: "", channel: "GRID_WORKER", reported_at: now.toISOString(), text: $("text").value.trim() };
  if (me.worker) body.reporter = me.worker;
  if (picked.matter) body.matter = picked.code; else Object.assign(body, { scheme: "city", category: picked.code });
  if (fix) Object.assign(body, { lon: fix.lon, lat: fix.lat, accuracy_m: fix.accuracy, datum: "WGS84" });
  else if (body.text) body.address = body.text;
  const id = number();
  body.system_no = id;
  const photos = photo ? [photo] : [];
  $("send").disabled = true;
  await add({ id, kind: "report", path: "/v1/reports", title, body, photos });
  picked = photo = null;
  $("text").value = $("find").value = $("camera").value = "";
  $("preview").hidden = true;
  document.querySelector("#photo span").hidden = false;
  showCategories();
  ready();
}

function showCategories() {
  const asked = $("find").value.trim().toLowerCase(), used = store("used") || {};
  let found = catalogue.categories.map((one) => ({ ...one, uses: used[one.code] || 0 }));
  const matters = catalogue.matters.map((one) => ({ ...one, matter: true, uses: -1, group_zh: "", group_en: "" }));
  found = [...found, ...matters];
  if (asked) found = found.filter((one) => `${one.code} ${one.zh} ${one.en} ${one.group_zh} ${one.group_en}`.toLowerCase().includes(asked));
  found.sort((one, other) => other.uses - one.uses);
  if (picked && !found.some((one) => one.code === picked.code)) found.unshift(picked);
  $("categories").replaceChildren(...found.slice(0, asked ? 60 : 200).map((one) => make("button", {
    type: "button", "data-code": one.code, "aria-pressed": String(Boolean(picked && picked.code === one.code)),
    onclick: () => { picked = one; showCategories(); ready(); },
  }, named(one))));
}

function locate() {
  if (!navigator.geolocation) return;
  navigator.geolocation.watchPosition((found) => {
    fix = { lon: +found.coords.longitude.toFixed(7), lat: +found.coords.latitude.toFixed(7), accuracy: Math.round(found.coords.accuracy) };
    showPlace();
  }, () => { if (!fix) $("place").textContent = t("denied"); }, { enableHighAccuracy: true, maximumAge: 15000 });
}

function showPlace() {
  $("place").textContent = fix ? `${t("place")}: ${fix.lon.toFixed(5)}, ${fix.lat.toFixed(5)} ±${fix.accuracy} ${t("metres")}` : t("noPlace");
}

// Tasks

const STEPS = {
  DISPATCHED: [["SIGN", "sign"]], SIGNED: [["START", "start"]], HANDLING: [["FINISH", "done", "photo"]],
  REWORK: [["FINISH", "done", "photo"]], VERIFYING: [["VERIFY_TRUE", "right"], ["VERIFY_FALSE", "wrong", "reason"]],
  CHECKING: [["CHECK_PASS", "pass"], ["CHECK_FAIL", "fail", "reason"]],
};

async function act(task, verb, photos, reason) {
  const me = who();
  const body = { verb, action_id: number(), at: new Date().toISOString(), payload: {} };
  if (me.worker) body.actor = me.worker;
  if (me.unit) body.actor_unit = me.unit;
  if (reason) body.reason = reason;
  const done = store("acted") || {};
  done[`${task.case_no} ${task.state}`] = verb;
  store("acted", done);
  await add({ kind: "action", path: `/v1/cases/${task.case_no}/actions`, title: `${task.case_no} ${verb}`, body, photos });
  showTasks(store("tasks") || []);
}

function steps(task) {
  if ((store("acted") || {})[`${task.case_no} ${task.state}`]) return make("p", { class: "good" }, "✓ ", t("kept"));
  return make("div", { class: "row" }, ...(STEPS[task.state] || []).map(([verb, name, needs], place) => {
    const look = { class: place ? "" : "go", "data-verb": verb };
    if (needs === "photo") {
      const pick = make("input", { type: "file", accept: "image/*", capture: "environment",
        onchange: async (event) => { if (event.target.files[0]) act(task, verb, [await smaller(event.target.files[0])]); } });
      return make("label", look, pick, t(name));
    }
    return make("button", { type: "button", ...look, onclick: () => {
      const reason = needs === "reason" ? prompt(t("reason")) : "";
      if (needs !== "reason" || reason) act(task, verb, [], reason);
    } }, t(name));
  }));
}

function showTasks(tasks) {
  const cards = tasks.map((task) => make("article", { class: "card", "data-case": task.case_no },
    make("h2", {}, named(task), make("span", { class: task.severity < 3 ? "bad" : "" }, stateOf(task.state))),
    make("p", {}, `${task.case_no} · ${lang === "zh" ? task.street_zh : task.street_en}`), make("p", {}, task.text || ""),
    task.due ? make("p", { class: new Date(task.due) < new Date() ? "bad" : "warn" }, `${t("due")} ${new Date(task.due).toLocaleString(lang)}`) : null,
    steps(task)));
  $("tasks").replaceChildren(...(cards.length ? cards : [make("p", { class: "hint" }, t("noTasks"))]));
}

async function loadTasks() {
  showTasks(store("tasks") || []);
  const me = who(), query = new URLSearchParams({ worker: me.worker || "", unit: me.unit || "" });
  try {
    const answer = await ask(`/v1/phone/tasks?${query}`);
    if (answer.ok) { const said = await answer.json(); store("tasks", said.items); showTasks(said.items); }
  } catch (error) { /* what was kept stays */ }
}

// My reports

async function showMine() {
  const waiting = (await entries()).map((entry) => make("article", { class: "card", "data-waiting": entry.id },
    make("h2", {}, entry.title, make("span", { class: entry.refused ? "bad" : "warn" }, entry.refused ? t("refused") : t("queued"))),
    make("p", {}, entry.refused || new Date(entry.made).toLocaleString(lang)),
    entry.refused ? make("div", { class: "row" },
      make("button", { type: "button", onclick: async () => { await put({ ...entry, refused: "" }); flush(); } }, t("again")),
      make("button", { type: "button", onclick: async () => { await remove(entry.id); showMine(); showQueue(); } }, t("drop"))) : null));
  const cards = (store("mine") || []).map((one) => make("article", { class: "card", "data-case": one.case_no },
    make("h2", {}, one.case_no, make("span", { class: one.ended ? "good" : "" }, stateOf(one.state))),
    make("p", {}, `${new Date(one.at).toLocaleString(lang)} ${one.unit || ""}`), make("p", {}, one.result || "")));
  const all = [...waiting, ...cards];
  $("mine").replaceChildren(...(all.length ? all : [make("p", { class: "hint" }, t("noMine"))]));
}

async function loadMine() {
  showMine();
  try {
    const answer = await ask(`/v1/reports/mine?${new URLSearchParams({ reporter: who().worker || "" })}`);
    if (answer.ok) { store("mine", (await answer.json()).items); showMine(); }
  } catch (error) { /* what was kept stays */ }
}

// Me

async function whoAmI() {
  try {
    const answer = await fetch("/v1/session", { credentials: "same-origin", cache: "no-store" });
    if (answer.ok) { user = await answer.json(); store("user", user); }
    else if (answer.status === 401) { user = null; store("user", null); }
  } catch (error) { /* no reception: whoever was signed in last */ }
  showMe();
}

function showMe() {
  const local = Boolean(user && user.kind === "local"), kept = store("local") || {};
  $("local").hidden = !local;
  $("login").hidden = Boolean(user);
  $("signout").hidden = !user || local;
  $("worker").value = kept.worker || "";
  $("unit").value = kept.unit || "";
  $("who").textContent = user ? (local ? kept.worker || t("tabMe") : user.name) : t("signFirst");
  $("about").textContent = [lang === "zh" ? catalogue.city_zh : catalogue.city_en, user && user.unit].filter(Boolean).join(" · ");
}

async function signIn(event) {
  event.preventDefault();
  const body = JSON.stringify({ name: $("name").value.trim(), password: $("password").value });
  try {
    const answer = await fetch("/v1/session", { method: "POST", headers: { "Content-Type": "application/json" }, body });
    const said = await answer.json();
    if (!answer.ok) { say(`${t("wrongWord")}: ${said.detail_zh || ""} ${said.detail || ""}`); return; }
    user = said;
    store("user", user);
    $("password").value = "";
    await start();
    show("report");
  } catch (error) { say(t("offline")); }
}

async function signOut() {
  try { await ask("/v1/session", { method: "DELETE" }); } catch (error) { /* the cookie ends by itself */ }
  user = null;
  for (const name of ["user", "tasks", "mine", "acted"]) store(name, null);
  showMe();
}

async function showDuty(change) {
  const look = (on) => { $("duty").textContent = t(on ? "on" : "off"); $("duty").setAttribute("aria-pressed", String(on)); };
  look(Boolean(store("duty")));
  try {
    const options = change === undefined ? {} : { method: "POST", body: JSON.stringify({ on: change }), headers: { "Content-Type": "application/json" } };
    const answer = await ask("/v1/phone/duty", options);
    if (answer.ok) { const said = await answer.json(); store("duty", said.on); look(said.on); }
  } catch (error) { if (change !== undefined) say(t("offline")); }
}

// The whole

async function showQueue() {
  const count = (await entries()).length;
  $("net").textContent = (navigator.onLine ? t("online") : t("offline")) + (count ? ` · ${count} ${t("queued")}` : "");
  $("net").classList.toggle("off", !navigator.onLine || count > 0);
  $("net").dataset.waiting = count;
  if (tab === "mine") showMine();
}

function show(name) {
  tab = name;
  for (const one of document.querySelectorAll("main > section")) one.hidden = one.id !== name;
  for (const one of document.querySelectorAll("nav button")) {
    if (one.dataset.tab === name) one.setAttribute("aria-current", "page"); else one.removeAttribute("aria-current");
  }
  if (name === "tasks") loadTasks();
  if (name === "mine") loadMine();
}

function words() {
  document.documentElement.lang = lang;
  for (const one of document.querySelectorAll("[data-t]")) one.textContent = t(one.dataset.t);
  $("lang").textContent = lang === "zh" ? "EN" : "中文";
  $("find").placeholder = t("find");
  $("text").placeholder = t("text");
  showPlace();
  showCategories();
  showMe();
  showQueue();
  $("duty").textContent = t(store("duty") ? "on" : "off");
}

async function start() {
  await whoAmI();
  if (!user) { show("me"); return; }
  try {
    const answer = await ask("/v1/phone/catalogue");
    if (answer.ok) { catalogue = await answer.json(); store("catalogue", catalogue); showCategories(); showMe(); }
  } catch (error) { /* what was kept stays */ }
  showDuty();
  flush();
}

$("camera").addEventListener("change", tookPhoto);
$("send").addEventListener("click", report);
$("find").addEventListener("input", showCategories);
$("login").addEventListener("submit", signIn);
$("signout").addEventListener("click", signOut);
$("duty").addEventListener("click", () => showDuty($("duty").getAttribute("aria-pressed") !== "true"));
$("lang").addEventListener("click", () => { lang = lang === "zh" ? "en" : "zh"; store("lang", lang); words(); if (tab !== "report") show(tab); });
for (const name of ["worker", "unit"]) {
  $(name).addEventListener("change", () => { store("local", { worker: $("worker").value.trim(), unit: $("unit").value.trim() }); showMe(); });
}
for (const one of document.querySelectorAll("nav button")) one.addEventListener("click", () => show(one.dataset.tab));
addEventListener("online", () => { showQueue(); flush(); });
addEventListener("offline", showQueue);
document.addEventListener("visibilitychange", () => { if (!document.hidden) flush(); });
setInterval(flush, 15000);
setInterval(() => { if (tab === "mine" && !document.hidden) loadMine(); }, 3000);
if ("serviceWorker" in navigator) navigator.serviceWorker.register("/m/worker.js", { scope: "/m" }).catch(() => {});
if (navigator.storage && navigator.storage.persist) navigator.storage.persist();
words();
locate();
start();
