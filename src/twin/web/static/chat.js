// Chat: replies stream in, bubble by bubble. Without this, the same forms work and the page loads anew.
const say = document.getElementById("say");
const text = document.getElementById("text");
const thread = document.getElementById("thread");
const coming = document.getElementById("coming");
const failed = document.getElementById("failed");
const stop = document.getElementById("stop");
const send = say.querySelector("button.send");
const scroll = document.querySelector(".scroll");
const rhythm = document.getElementById("rhythm");
const token = document.querySelector("meta[name=csrf-token]").content;
const list = document.getElementById("list");
let busy = null;

list.open = list.open || matchMedia("(min-width: 48.01rem)").matches;
rhythm.checked = localStorage.getItem("rhythm") !== "off";
rhythm.addEventListener("change", () => localStorage.setItem("rhythm", rhythm.checked ? "on" : "off"));

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const down = () => { scroll.scrollTop = scroll.scrollHeight; };

class Typist {
  // Shows pieces as they come, or whole bubbles at the pace at which people type.
  constructor() {
    this.bubbles = [];
    this.shown = [];
    this.over = false;
    this.place = coming.firstElementChild;
    this.place.replaceChildren();
    coming.hidden = false;
    this.dots = document.createElement("p");
    this.dots.className = "bubble typing";
    this.dots.append(document.createElement("i"), document.createElement("i"), document.createElement("i"));
    this.place.append(this.dots);
    this.playing = this.play();
  }

  piece({ message, text: words }) {
    while (this.bubbles.length <= message) this.bubbles.push("");
    this.bubbles[message] += words;
    if (!rhythm.checked) this.draw(this.bubbles.length);
  }

  draw(count) {
    for (let index = 0; index < count; index++) {
      if (!this.shown[index]) {
        this.shown[index] = document.createElement("p");
        this.shown[index].className = "bubble";
        this.place.insertBefore(this.shown[index], this.dots);
      }
      this.shown[index].textContent = this.bubbles[index].trim();
      this.shown[index].hidden = !this.bubbles[index].trim();
    }
    down();
  }

  async play() {
    for (let index = 0; rhythm.checked; index++) {
      while (!(this.over || this.bubbles.length > index + 1)) { if (this.halted) return; await pause(40); }
      if (index >= this.bubbles.length) return;
      const typed = Math.min(2200, 250 + 22 * this.bubbles[index].length);
      for (let waited = 0; waited < typed && !this.halted && rhythm.checked; waited += 50) await pause(50);
      if (this.halted) return;
      this.draw(index + 1);
    }
  }

  async end() { this.over = true; await this.playing; }
  halt() { this.halted = true; }
}

async function* events(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    buffer += value;
    const parts = buffer.split("\n\n");
    buffer = parts.pop();
    for (const part of parts) {
      const kind = /^event: (.*)$/m.exec(part);
      const data = /^data: (.*)$/m.exec(part);
      if (kind && data) yield [kind[1], JSON.parse(data[1])];
    }
  }
}

function complain(sentence) {
  failed.textContent = sentence;
  failed.hidden = !sentence;
  down();
}

async function ask(action, body) {
  if (busy) return;
  busy = new Typist();
  complain("");
  send.hidden = true;
  stop.hidden = false;
  down();
  let drawn = false;
  try {
    const answer = await fetch(action, { method: "POST", body, headers: { Accept: "text/event-stream", "X-CSRFToken": token } });
    if (!answer.ok) throw new Error((await answer.json()).error);
    for await (const [kind, data] of events(answer)) {
      if (kind === "thread") {
        if (data.over) await busy.end();
        redraw(data.html);
        settle(data);
        drawn = true;
        down();
      } else if (kind === "piece") busy.piece(data);
      else if (kind === "failed") complain(data.sentence);
    }
  } catch (error) {
    complain(error.message);
    if (!drawn) text.value = text.value || body.get("text") || "";
  }
  busy.halt();
  busy = null;
  coming.hidden = true;
  stop.hidden = true;
  send.hidden = false;
  grow();
  if (!thread.contains(document.activeElement)) text.focus();
}

function redraw(html) {
  // What somebody has opened below an earlier message, and is typing there, stays.
  const kept = [...thread.querySelectorAll("details[open]")].map((one) => {
    const row = one.closest("li");
    const field = one.querySelector("textarea");
    const index = [...row.querySelectorAll("details")].indexOf(one);
    return { id: row.id, index, words: field?.value, focused: field && field === document.activeElement };
  });
  thread.innerHTML = html;
  for (const { id, index, words, focused } of kept) {
    const one = document.getElementById(id)?.querySelectorAll("details")[index];
    if (!one) continue;
    one.open = true;
    const field = one.querySelector("textarea");
    if (field) field.value = words;
    if (focused) field.focus();
  }
}

function settle({ address, title }) {
  // A conversation that has just begun gets its address and its line in the list.
  const said = thread.querySelector(".thread");
  if (said?.dataset.say) say.action = said.dataset.say;
  if (location.pathname === address) return;
  history.replaceState(null, "", address);
  const row = document.createElement("li");
  const link = document.createElement("a");
  link.href = address;
  link.textContent = title;
  for (const other of document.querySelectorAll(".list [aria-current]")) other.removeAttribute("aria-current");
  link.setAttribute("aria-current", "page");
  row.append(link);
  document.querySelector(".list").prepend(row);
}

function grow() {
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight + 2}px`;
}

say.addEventListener("submit", (event) => {
  event.preventDefault();
  if (busy || !text.value.trim()) return;
  const body = new FormData(say);
  const mine = document.createElement("p");
  mine.className = "bubble";
  mine.textContent = text.value.trim();
  const row = document.createElement("li");
  row.className = "person";
  row.append(mine);
  thread.querySelector(".hello")?.remove();
  thread.querySelector(".thread").append(row);
  text.value = "";
  ask(say.action, body);
});
text.addEventListener("input", grow);
text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); say.requestSubmit(); }
  if (event.key === "ArrowUp" && !text.value) {
    const last = [...thread.querySelectorAll("li.person details.edit")].pop();
    if (last) { event.preventDefault(); last.open = true; last.querySelector("textarea").focus(); }
  }
});
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && busy) stop.click(); });
stop.addEventListener("click", () => {
  busy?.halt();
  const address = thread.querySelector(".thread")?.dataset.stop;
  if (address) fetch(address, { method: "POST", redirect: "manual", headers: { "X-CSRFToken": token } });
});
thread.addEventListener("submit", (event) => {
  if (!event.target.classList.contains("resend")) return;
  event.preventDefault();
  ask(event.target.action, new FormData(event.target, event.submitter));
});
thread.addEventListener("click", (event) => {
  const copy = event.target.closest(".copy");
  if (!copy) return;
  const bubbles = [...copy.closest("li").querySelectorAll(".bubble")].map((one) => one.textContent);
  navigator.clipboard.writeText(bubbles.join("\n"));
});
const grown = document.getElementById("grown");
if (grown) {
  // In training: say when its own voice takes over.
  const source = new EventSource(grown.dataset.events);
  source.addEventListener("over", (event) => {
    source.close();
    if (JSON.parse(event.data) !== "done") return;
    grown.textContent = grown.dataset.sentence;
    document.getElementById("untrained")?.remove();
  });
}
down();
