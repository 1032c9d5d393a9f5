// Rows of one person. Lists come from the endpoint, everything that the person does goes to collect.

import { poster } from "/posters.js";

const $ = (id) => document.getElementById(id);
const config = await (await fetch("/config.json")).json();
const KNOWN = "freshet-people";
const POLL_MS = 60;
const GIVE_UP_MS = 15000;

let person = null;
let shown = null; // the answer that the rows on the page are made of
let opened = null; // the item of the dialog
window.freshet = { changes: [] }; // milliseconds from click to changed rows, for whoever measures

// -- asking ------------------------------------------------------------------------------------------------------

async function ask(path) {
  const answer = await fetch(config.endpoint + path, { cache: "no-store" });
  if (!answer.ok) {
    throw new Error((await answer.json()).detail);
  }
  return answer.json();
}

const home = () => ask(`/api/v1/recommendations/homepage/${encodeURIComponent(person.user_id)}?limit=12`);

/** Sends the event; where it is in the log, null when that is not known. */
async function tell(event) {
  const body = {
    event_id: crypto.randomUUID(),
    user_id: person.user_id,
    timestamp: Date.now(),
    device_type: "web",
    country: person.country,
    ...event,
  };
  for (let attempt = 1; ; attempt += 1) {
    const answer = await fetch(`${config.collect}/api/v1/events`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      keepalive: true,
    });
    if (answer.ok) {
      // What was sent twice may be a duplicate, for which no list is made.
      return attempt === 1 ? ((await answer.json()).positions?.[0] ?? null) : null;
    }
    if (answer.status !== 503 || attempt === 5) {
      throw new Error((await answer.json()).detail);
    }
    const wait_s = Number(answer.headers.get("retry-after")) || 2;
    await new Promise((resolve) => setTimeout(resolve, wait_s * 1000)); // the same id: it counts once
  }
}

// -- rows --------------------------------------------------------------------------------------------------------

function card(item, open) {
  const entry = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "card";
  button.dataset.item = item.item_id;
  button.append(poster(item.title));
  const title = document.createElement("span");
  title.className = "title";
  title.textContent = item.title;
  const reason = document.createElement("span");
  reason.className = "reason";
  reason.textContent = item.progress_pct === undefined ? item.reason || "" : `${Math.round(item.progress_pct)} % watched`;
  button.append(title, reason);
  button.addEventListener("click", () => open(item));
  entry.append(button);
  return entry;
}

function draw(answer) {
  shown = answer;
  const rows = answer.sections
    .filter((section) => section.items.length > 0)
    .map((section) => {
      const row = document.createElement("section");
      row.dataset.row = section.id;
      const title = document.createElement("h2");
      title.textContent = section.title;
      title.id = `row-${section.id}`;
      row.setAttribute("aria-labelledby", title.id);
      const list = document.createElement("ul");
      list.className = "row";
      list.append(...section.items.map((item, position) => card(item, (one) => open(one, position))));
      row.append(title, list);
      return row;
    });
  const focused = document.activeElement?.dataset?.item;
  $("rows").replaceChildren(...rows);
  if (focused && !$("item").open) {
    $("rows").querySelector(`[data-item="${CSS.escape(focused)}"]`)?.focus();
  }
  stamp(answer);
}

function stamp(answer, change_ms) {
  const made = new Date(answer.generated_at).toLocaleTimeString();
  const from = answer.as_of ? ` as of event ${answer.as_of.partition}:${answer.as_of.offset}` : "";
  const took = change_ms === undefined ? "" : `; ${Math.round(change_ms)} ms after your click`;
  $("stamp").textContent = `${answer.source} list of ${answer.model_version}, made at ${made}${from}${took}`;
}

/** Whether the answer is of the event at `position` of the log or of a later one; null = later than `before`. */
function reflects(answer, position, before) {
  const made = answer.as_of;
  if (!made) {
    return false;
  }
  if (position) {
    return made.partition === position.partition && made.offset >= position.offset;
  }
  return made.partition !== before.as_of?.partition || made.offset > before.as_of.offset;
}

/** Draws the rows once they reflect the event at `position`; the milliseconds since `began_ms`. */
async function untilChanged(position, before, began_ms) {
  const asked_for = person;
  while (performance.now() - began_ms < GIVE_UP_MS && person === asked_for) {
    const answer = await home();
    if (reflects(answer, position, before)) {
      draw(answer);
      const change_ms = performance.now() - began_ms;
      window.freshet.changes.push(change_ms);
      stamp(answer, change_ms);
      return change_ms;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return undefined;
}

async function act(event, status) {
  const before = shown;
  const began_ms = performance.now();
  try {
    const position = await tell(event);
    $("act-status").textContent = `${status}: in the log. Rows follow…`;
    const change_ms = await untilChanged(position, before, began_ms);
    if (change_ms !== undefined) {
      $("act-status").textContent = `${status}: the rows changed after ${Math.round(change_ms)} ms.`;
    }
  } catch (problem) {
    $("act-status").textContent = `${status} did not get through: ${problem.message}`;
  }
}

// -- one item ----------------------------------------------------------------------------------------------------

async function open(item, position) {
  opened = { ...item, position };
  $("item-poster").replaceChildren(poster(item.title));
  $("item-title").textContent = item.title;
  $("item-reason").textContent = item.reason || "";
  $("item-facts").textContent = "";
  $("act-status").textContent = "";
  $("similar").replaceChildren();
  if (!$("item").open) {
    $("item").showModal();
  }
  const id = encodeURIComponent(item.item_id);
  const user = encodeURIComponent(person.user_id);
  const [near, page] = await Promise.allSettled([
    ask(`/api/v1/items/${id}/similar?limit=8&user_id=${user}`),
    ask(`/api/v1/items/${id}?user_id=${user}`),
  ]);
  if (opened.item_id !== item.item_id) {
    return;
  }
  if (near.status === "fulfilled") {
    $("similar").replaceChildren(...near.value.similar_items.map((one) => card(one, (next) => open(next))));
  }
  if (page.status === "fulfilled") {
    const { genres = [], maturity, duration_s } = page.value;
    const facts = [genres.join(", "), maturity && `from ${maturity}`, duration_s && `${Math.round(duration_s / 60)} min`];
    $("item-facts").textContent = facts.filter(Boolean).join(" · ");
  }
}

const ACTS = {
  play: ["Play", { event_type: "play", watch_duration: 0 }],
  pause: ["Pause", { event_type: "watch_progress", completion_pct: 40 }],
  finish: ["Finish", { event_type: "watch_end", completion_pct: 100 }],
  like: ["Like", { event_type: "like" }],
  hide: ["Hide", { event_type: "hide" }],
};

for (const button of document.querySelectorAll("[data-act]")) {
  button.addEventListener("click", () => {
    const [status, event] = ACTS[button.dataset.act];
    const { item_id, position } = opened;
    act({ ...event, item_id, position, recommendation_id: shown?.recommendation_id }, status);
  });
}
$("close-item").addEventListener("click", () => $("item").close());

// -- search ------------------------------------------------------------------------------------------------------

$("search").addEventListener("submit", async (event) => {
  event.preventDefault();
  const query = $("query").value.trim();
  if (!person || !query) {
    return;
  }
  act({ event_type: "search", query }, "Search");
  // What may be shown to this person: what the rows and trends have. The catalogue itself is not for everybody.
  const trends = await ask(`/api/v1/trending?limit=100&user_id=${encodeURIComponent(person.user_id)}`);
  const known = new Map([...shown.sections.flatMap((row) => row.items), ...trends.items].map((one) => [one.item_id, one]));
  const wanted = query.toLocaleLowerCase();
  const found = [...known.values()].filter((one) => one.title.toLocaleLowerCase().includes(wanted)).slice(0, 12);
  $("found").hidden = false;
  $("found-title").textContent = found.length ? `Found for “${query}”` : `Nothing found for “${query}”`;
  $("found-items").replaceChildren(...found.map((one) => card(one, (next) => open(next))));
});

// -- persons -----------------------------------------------------------------------------------------------------

const knownPeople = () => JSON.parse(localStorage.getItem(KNOWN) || "[]");

async function enter(one) {
  person = one;
  const said = [one.kids ? "a child" : "", one.country, ...one.favorite_genres].filter(Boolean).join(", ");
  $("who").textContent = `${one.user_id} (${said})`;
  $("welcome").hidden = true;
  $("shop").hidden = false;
  $("change-person").hidden = false;
  $("found").hidden = true;
  draw(await home());
  const began_ms = performance.now(); // their own list is there within two seconds of the first look
  while (!shown.as_of && person === one && performance.now() - began_ms < GIVE_UP_MS) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    draw(await home());
  }
}

$("person").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData($("person"));
  const asked = {
    country: form.get("country"),
    kids: form.get("kids") === "on",
    favorite_genres: form.getAll("genre"),
  };
  const answer = await fetch("/people", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(asked),
  });
  const made = { ...asked, ...(await answer.json()) };
  localStorage.setItem(KNOWN, JSON.stringify([made, ...knownPeople()].slice(0, 10)));
  await enter(made);
});

function choose() {
  person = null;
  $("who").textContent = "";
  $("welcome").hidden = false;
  $("shop").hidden = true;
  $("change-person").hidden = true;
  const known = knownPeople();
  $("known").hidden = known.length === 0;
  $("people").replaceChildren(
    ...known.map((one) => {
      const entry = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = `${one.user_id}${one.kids ? " (a child)" : ""}`;
      button.addEventListener("click", () => enter(one));
      entry.append(button);
      return entry;
    }),
  );
}

$("change-person").addEventListener("click", choose);
$("country").append(...config.countries.map((country) => new Option(country)));
$("genres").append(
  ...config.genres.map((genre) => {
    const label = document.createElement("label");
    label.className = "check";
    const box = document.createElement("input");
    box.type = "checkbox";
    box.name = "genre";
    box.value = genre;
    label.append(box, ` ${genre}`);
    return label;
  }),
);
choose();
document.body.dataset.ready = "yes";
