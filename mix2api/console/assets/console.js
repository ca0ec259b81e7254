// The console's one script. Every page is complete without it.
// Times: the server writes UTC, the reader's zone is known here alone.
const clock = new Intl.DateTimeFormat(undefined, {
  month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false,
});
const short = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });

function showLocalTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    time.textContent = clock.format(new Date(time.dateTime));
  }
  for (const tick of root.querySelectorAll("[data-clock]")) {
    tick.textContent = short.format(new Date(Number(tick.dataset.clock)));
  }
}

showLocalTimes(document);
