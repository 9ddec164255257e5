// The operator's page: reads the lists once, then follows /api/v1/events.
//
// Every string comes from chargers, partners or operators: it is only ever put in as text
// (textContent), never as markup. Numbers are shown as the API writes them.

import { heldRow } from "./held.js";

const KEY = "operator-token";
const SHOWN = 200; // rows of one table
const CDRS = 15;
const PAUSE = 3000; // ms before the stream is tried again
const REFRESH = 30000; // ms between two full reads, for what the stream may have missed

const byId = (id) => document.getElementById(id);
const state = {
  points: new Map(),
  sessions: new Map(),
  held: new Map(),
  cdrs: new Map(),
  partners: new Map(),
};
const totals = { points: 0, held: 0, cdrs: 0 };
let stopping = null;
let drawing = false;

class Unauthorized extends Error {}

async function get(path, signal) {
  const token = sessionStorage.getItem(KEY) ?? "";
  const response = await fetch(path, { headers: { Authorization: `Bearer ${token}` }, signal });
  if (response.status === 401) throw new Unauthorized("The token is wrong.");
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response;
}

async function post(path, body) {
  const response = await fetch(`/api/v1${path}`, {
    method: "POST",
    headers: {
      Authorization: `Bearer ${sessionStorage.getItem(KEY) ?? ""}`,
      "Content-Type": "application/json",
    },
    body: JSON.stringify(body),
  });
  if (response.ok) return;
  const { error } = await response.json().catch(() => ({}));
  const details = (error?.details ?? []).join("; ");
  throw new Error([error?.message ?? `HTTP ${response.status}`, details].filter(Boolean).join(": "));
}

const read = async (path) => (await get(`/api/v1${path}`)).json();

async function list(path, signal) {
  const response = await get(`/api/v1${path}`, signal);
  const items = await response.json();
  return { items, total: Number(response.headers.get("X-Total-Count") ?? items.length) };
}

function fill(map, items, key) {
  map.clear();
  for (const item of items) map.set(item[key], item);
}

async function refresh(signal) {
  const [points, sessions, held, cdrs, partners, ready] = await Promise.all([
    list(`/charge-points?limit=${SHOWN}`, signal),
    list(`/sessions?status=ACTIVE&limit=${SHOWN}`, signal),
    list(`/held-cdrs?limit=${SHOWN}`, signal),
    list(`/cdrs?limit=${CDRS}`, signal),
    list("/partners", signal),
    fetch("/ready", { signal }).then((response) => response.json()),
  ]);
  fill(state.points, points.items, "identity");
  fill(state.sessions, sessions.items, "id");
  fill(state.held, held.items, "session_id");
  fill(state.cdrs, cdrs.items.reverse(), "id");
  fill(state.partners, partners.items, "id");
  totals.points = points.total;
  totals.held = held.total;
  totals.cdrs = cdrs.total;
  drawWarnings(ready);
  draw();
}

const take = {
  charge_point(point) {
    if (point.removed) {
      totals.points -= state.points.delete(point.identity) ? 1 : 0;
    } else if (state.points.has(point.identity) || state.points.size < SHOWN) {
      totals.points += state.points.has(point.identity) ? 0 : 1;
      state.points.set(point.identity, point);
    }
  },
  session(session) {
    if (session.status === "ACTIVE") {
      state.sessions.set(session.id, session);
      return;
    }
    state.sessions.delete(session.id);
    totals.held -= state.held.delete(session.id) ? 1 : 0;
  },
  cdr(cdr) {
    totals.cdrs += state.cdrs.has(cdr.id) ? 0 : 1;
    state.cdrs.set(cdr.id, cdr);
    while (state.cdrs.size > CDRS) state.cdrs.delete(state.cdrs.keys().next().value);
  },
  partner(partner) {
    state.partners.set(partner.id, partner);
  },
};

// --- the stream ------------------------------------------------------------------------------

async function follow(signal) {
  const response = await get("/api/v1/events", signal);
  await refresh(signal);
  badge(byId("live"), "live", "good");
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error("the stream ended");
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) receive(block, signal);
  }
}

function receive(block, signal) {
  const found = /^event: (\w+)\ndata: (.*)$/.exec(block);
  if (!found) return;
  const [, kind, data] = found;
  if (kind === "dropped") refresh(signal).catch(() => {});
  if (Object.hasOwn(take, kind)) take[kind](JSON.parse(data));
  draw();
}

async function run(signal) {
  while (!signal.aborted) {
    try {
      await follow(signal);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Unauthorized) {
        signOut(error.message);
        return;
      }
      badge(byId("live"), "not connected, trying again", "bad");
    }
    await new Promise((resume) => setTimeout(resume, PAUSE));
  }
}

// --- drawing ---------------------------------------------------------------------------------

function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    drawCounts();
    rows("charge-points", [...state.points.values()].sort(byIdentity).map(pointRow), 6);
    rows("sessions", running().map(sessionRow).reverse(), 6);
    rows("held", [...state.held.values()].map(held), 6);
    rows("cdrs", [...state.cdrs.values()].map(cdrRow).reverse(), 7);
    rows("partners", [...state.partners.values()].map(partnerRow), 9);
  });
}

const byIdentity = (one, other) => one.identity.localeCompare(other.identity);

// The Session of a held CDR is ACTIVE until an operator has decided.
const running = () => [...state.sessions.values()].filter((one) => !state.held.has(one.id));

const held = (one) =>
  heldRow(one, { element, mark, number, read, row, time }, post, () => refresh(stopping?.signal));

function drawCounts() {
  const points = [...state.points.values()];
  const owed = [...state.partners.values()].reduce((sum, one) => sum + one.owed, 0);
  const kwh = running().reduce((sum, one) => sum + Number(one.kwh), 0);
  const faulted = points.filter((one) => one.connectors.some((it) => it.state === "Faulted"));
  const some = totals.points > points.length ? `, of the first ${points.length}` : "";
  const counts = [
    ["charge points", totals.points],
    [`connected${some}`, points.filter((one) => one.connected).length],
    [`with a fault${some}`, faulted.length],
    ["running sessions", running().length],
    ["kWh in them", kwh.toFixed(1)],
    ["held CDRs", totals.held],
    ["CDRs", totals.cdrs],
    ["objects owed to partners", owed],
  ];
  byId("counts").replaceChildren(
    ...counts.map(([name, value]) => {
      const box = element("div", "", "count");
      box.append(element("strong", value), element("span", name));
      return box;
    }),
  );
}

function drawWarnings(ready) {
  const faults = Object.entries(ready.checks ?? {})
    .filter(([, text]) => text !== "ok")
    .map(([name, text]) => `${name}: ${text}`);
  const all = [...faults, ...(ready.warnings ?? [])];
  byId("warnings").replaceChildren(...all.map((text) => element("li", text)));
}

function pointRow(point) {
  const connection = element("td");
  const connected = point.connected ? ["connected", "good"] : ["offline", "bad"];
  connection.append(mark(...(point.enabled ? connected : ["disabled", "warn"])));
  if (point.security_profile === 0) connection.append(mark("no authentication", "warn"));
  const connectors = element("td");
  for (const one of point.connectors) {
    const name = one.evse_id === 0 ? "station" : `${one.evse_id}/${one.connector_id}`;
    const error = one.error_code && one.error_code !== "NoError" ? ` ${one.error_code}` : "";
    connectors.append(mark(`${name} ${one.state}${error}`, tone(one.state)));
  }
  const model = point.boot ? `${point.boot.vendor} ${point.boot.model}` : "";
  return row([
    element("td", point.identity),
    connection,
    point.version ?? "",
    model,
    connectors,
    time(point.last_seen),
  ]);
}

function tone(connector) {
  if (connector === "Available") return "good";
  if (connector === "Faulted") return "bad";
  if (connector === "Unavailable" || connector === "Reserved") return "warn";
  return "busy";
}

function sessionRow(session) {
  return row([
    time(session.start_date_time),
    session.location_id,
    session.evse_uid,
    session.cdr_token.uid,
    number(session.kwh),
    number(money(session.total_cost?.before_taxes, session.currency)),
  ]);
}

function cdrRow(cdr) {
  const { before_taxes: net, taxes } = cdr.total_cost;
  const gross = Number(net) + (taxes ?? []).reduce((sum, tax) => sum + Number(tax.amount), 0);
  return row([
    time(cdr.end_date_time),
    cdr.cdr_location.id,
    cdr.cdr_location.evse_uid,
    cdr.cdr_token.uid,
    number(cdr.total_energy),
    number(money(net, cdr.currency)),
    number(money(gross, cdr.currency)),
  ]);
}

function partnerRow(partner) {
  const registered = element("td");
  registered.append(mark(partner.state, partner.state === "REGISTERED" ? "good" : "warn"));
  const roles = partner.roles.map((one) => `${one.role} ${one.country_code}*${one.party_id}`);
  const { success_rate: rate, next_attempt: next, owed_since: since } = partner.deliveries ?? {};
  return row([
    partner.name,
    registered,
    partner.version ?? "",
    roles.join(", "),
    number(rate == null ? "" : `${(rate * 100).toFixed(1)} %`),
    number(partner.owed),
    time(since),
    time(next),
    element("td", partner.last_error ?? "", partner.last_error ? "bad" : ""),
  ]);
}

function rows(id, found, columns) {
  if (!found.length) {
    const nothing = element("td", "none", "empty");
    nothing.colSpan = columns;
    found = [row([nothing])];
  }
  byId(id).replaceChildren(...found);
}

function row(cells) {
  const line = document.createElement("tr");
  line.append(...cells.map((cell) => (cell instanceof Node ? cell : element("td", cell))));
  return line;
}

function element(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

const number = (text) => element("td", text, "number");
const mark = (text, className) => element("span", text, `badge ${className}`);
const badge = (target, text, className) => {
  target.textContent = text;
  target.className = `badge ${className}`;
};
const time = (text) => (text ? new Date(text).toLocaleString() : "");
const money = (amount, currency) =>
  amount === undefined ? "" : `${Number(amount).toFixed(2)} ${currency}`;

// --- signing in ------------------------------------------------------------------------------

function start() {
  stopping?.abort();
  stopping = new AbortController();
  const { signal } = stopping;
  const token = sessionStorage.getItem(KEY);
  byId("sign-in").hidden = Boolean(token);
  byId("board").hidden = byId("sign-out").hidden = !token;
  if (!token) return;
  run(signal);
  const timer = setInterval(() => refresh(signal).catch(() => {}), REFRESH);
  signal.addEventListener("abort", () => clearInterval(timer));
}

function signOut(message) {
  sessionStorage.removeItem(KEY);
  byId("sign-in-error").textContent = message;
  badge(byId("live"), "not connected", "");
  start();
}

byId("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  byId("sign-in-error").textContent = "";
  sessionStorage.setItem(KEY, byId("token").value.trim());
  byId("token").value = "";
  start();
});
byId("sign-out").addEventListener("click", () => signOut(""));
start();
