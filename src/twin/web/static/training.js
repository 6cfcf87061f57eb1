// Training, live: the server draws, this shows what it sends.
const look = document.getElementById("look");
if (look.dataset.over !== "yes") {
  const source = new EventSource(look.dataset.events);
  source.addEventListener("look", (event) => {
    const focused = document.activeElement && look.contains(document.activeElement);
    look.innerHTML = JSON.parse(event.data);
    if (focused) document.getElementById("main").focus();
  });
  source.addEventListener("over", () => { source.close(); location.reload(); });
}
