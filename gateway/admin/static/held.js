// CDRs that wait for the operator: the rows of their table, and what its buttons do.
//
// Like the rest of the page it puts strings in as text only. `page` gives the helpers that make
// rows, `post` calls the API, `done` reads everything anew.

export function heldRow(held, page, post, done) {
  const reasons = page.element("td");
  for (const one of held.reasons) {
    const badge = page.mark(one.text, "warn");
    badge.title = one.reason;
    reasons.append(badge);
  }
  const buttons = page.element("td", "", "actions");
  for (const [name, ask] of Object.entries(ACTS)) {
    const button = page.element("button", name);
    button.type = "button";
    button.addEventListener("click", () => decide(name, ask, held, page, post, done));
    buttons.append(button);
  }
  return page.row([
    page.time(held.stopped_at),
    held.charge_point,
    held.token?.uid ?? "",
    page.number(held.energy_kwh),
    reasons,
    buttons,
  ]);
}

// Each asks for what the call needs; null: the operator thought better of it.
const ACTS = {
  async release(held, page) {
    const { cdr } = await page.read(path(held));
    if (cdr === null) throw new Error("There can be no bill of it as it stands.");
    const cost = `${cdr.total_cost.before_taxes} ${cdr.currency} before taxes`;
    const time = `${page.time(cdr.start_date_time)} to ${page.time(cdr.end_date_time)}`;
    const sure = `Bill ${cdr.total_energy} kWh, ${time}, for ${cost}, as the charge point has said?`;
    const remark = window.prompt(`${sure} Why (may stay empty):`, "");
    return remark === null ? null : withRemark({}, remark);
  },
  correct(held) {
    const energy = window.prompt("Bill how many kWh?", held.energy_kwh);
    if (energy === null || !energy.trim()) return null;
    const remark = window.prompt("Why (may stay empty):", "");
    return remark === null ? null : withRemark({ energy_kwh: energy.trim() }, remark);
  },
  void() {
    const remark = window.prompt("Bill nobody. Why:", "");
    return remark?.trim() ? withRemark({}, remark) : null;
  },
};

const withRemark = (body, remark) =>
  remark.trim() ? { ...body, remark: remark.trim() } : body;

const path = (held) => `/held-cdrs/${encodeURIComponent(held.session_id)}`;

async function decide(name, ask, held, page, post, done) {
  try {
    const body = await ask(held, page);
    if (body === null) return;
    await post(`${path(held)}/${name}`, body);
  } catch (error) {
    window.alert(error.message);
  }
  await done();
}
