// What operators see and do. Figures come once a second as server-sent events.

const $ = (id) => document.getElementById(id);

const LABELS = {
  events_per_s: "Events a second",
  in_log: "Events in the log",
  folded: "Folded",
  lag: "Waiting (lag)",
  collected: "Of them through this page",
  freshness_p50_ms: "Event to list, median (ms)",
  freshness_p99_ms: "Event to list, p99 (ms)",
  hr_at_10: "Live HR@10",
  judged: "Judged next items",
  serves: "Who serves (%)",
  workers: "Workers (pid)",
  restarts: "Restarts",
};

function text(value) {
  if (value === null || value === undefined) {
    return "unknown yet";
  }
  if (typeof value === "object") {
    return Object.entries(value).map(([name, one]) => `${name} ${one}`).join(", ") || "nobody yet";
  }
  return String(value);
}

const cells = Object.entries(LABELS).map(([name, label]) => {
  const term = document.createElement("dt");
  term.textContent = label;
  const value = document.createElement("dd");
  value.dataset.figure = name;
  $("figures").append(term, value);
  return [name, value];
});

const stream = new EventSource("/operators/figures");
stream.addEventListener("message", (event) => {
  const figures = JSON.parse(event.data);
  for (const [name, value] of cells) {
    value.textContent = text(figures[name]);
  }
});

for (const button of document.querySelectorAll("[data-operate]")) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const answer = await fetch(`/operators/${button.dataset.operate}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: "{}",
      });
      const told = await answer.json();
      $("said").textContent = `${told.said ?? told.detail}\n\n${$("said").textContent}`.slice(0, 4000);
    } finally {
      button.disabled = false;
    }
  });
}
