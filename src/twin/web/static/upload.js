// Uploads: in pieces, several files at once, going on by themselves after a break.
const PIECE = 4 * 1024 * 1024;
const AT_ONCE = 2;
const drop = document.getElementById("drop");
const list = document.getElementById("sending");
const shown = document.getElementById("uploads");
const token = document.querySelector("meta[name=csrf-token]").content;
const media = /\.(jpe?g|png|gif|webp|hei[cf]|bmp|tiff?|opus|og[ga]|mp3|m4[av]|aac|amr|wav|flac|caf|mp4|mov|avi|mkv|webm|3gp|tgs|thumb|vcf|was)$/i;
const sizes = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 });
const queue = [];
let active = 0;
let looking = false;

const megabytes = (bytes) => `${sizes.format(bytes / 1e6)} MB`;
const reached = (answer) => (answer.headers.has("Range") ? Number(answer.headers.get("Range").split("-").pop()) + 1 : 0);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function ask(method, address, { body, headers } = {}) {
  return fetch(address, { method, body, headers: { "X-CSRFToken": token, Accept: "application/json", ...headers } });
}

class Sending {
  // One upload: a file, or a folder with its files. `files` are {path, file}.
  constructor(name, files) {
    this.name = name;
    this.files = files;
    this.size = files.reduce((sum, one) => sum + one.file.size, 0);
    this.sent = 0;
    this.sessions = new Map();
    this.row = document.createElement("li");
    this.row.className = "card";
    this.label = document.createElement("p");
    this.bar = document.createElement("progress");
    this.bar.max = 1;
    this.bar.value = 0;
    this.bar.setAttribute("aria-label", name);
    this.row.append(this.label, this.bar);
    list.append(this.row);
    this.say(drop.dataset.waiting);
  }

  say(text) { this.label.textContent = `${this.name} · ${megabytes(this.size)} · ${text}`; }

  refuse(sentence) {
    this.row.classList.add("problem");
    this.label.textContent = `${this.name}: ${sentence}`;
    this.bar.remove();
  }

  async go() {
    for (let wait = 1000; ; wait = Math.min(wait * 2, 15000)) {
      try {
        return await this.attempt();
      } catch (error) {
        if (error instanceof TypeError) { // no connection
          this.say(drop.dataset.broken);
          await pause(wait);
        } else return this.refuse(error.message);
      }
    }
  }

  async attempt() {
    const about = { name: this.name, files: this.files.map((one) => ({ path: one.path, size: one.file.size })) };
    const answer = await ask("POST", drop.dataset.announce, { body: JSON.stringify(about), headers: { "Content-Type": "application/json" } });
    const upload = await answer.json();
    if (!answer.ok) throw new Error(upload.error);
    this.sent = upload.offsets.reduce((sum, offset) => sum + offset, 0);
    this.began = performance.now();
    this.before = this.sent;
    for (let number = 0; number < upload.files.length; number++) {
      const one = this.files.find((given) => given.path === upload.files[number].path) || this.files[number];
      let offset = upload.offsets[number];
      if (upload.direct) {
        if (offset < one.file.size) await this.straight(upload.id, number, one.file);
        continue;
      }
      while (offset < one.file.size) offset = await this.piece(upload.id, number, one.file, offset);
    }
    if (upload.direct) {
      const told = await ask("POST", `${drop.dataset.announce}/${upload.id}/arrived`);
      if (!told.ok) throw told.status === 409 ? new TypeError("not there yet") : new Error((await told.json()).error);
    }
    this.row.remove();
    refresh();
  }

  async straight(id, number, file) {
    // To the object store itself: a session that says after a break how far it came.
    let offset = 0;
    let session = this.sessions.get(number);
    if (session) {
      const asked = await fetch(session, { method: "PUT", headers: { "Content-Range": `bytes */${file.size}` } });
      if (asked.ok) return;
      if (asked.status === 308) offset = reached(asked);
      else session = null;
    }
    if (!session) {
      const answer = await ask("POST", `${drop.dataset.announce}/${id}/${number}/place`);
      const place = await answer.json();
      if (!answer.ok) throw new Error(place.error);
      const began = await fetch(place.url, { method: "POST", headers: place.headers });
      if (!began.ok) throw new TypeError("no session");
      session = began.headers.get("Location");
      this.sessions.set(number, session);
    }
    while (offset < file.size) {
      const end = Math.min(offset + PIECE, file.size);
      const answer = await fetch(session, {
        method: "PUT",
        body: file.slice(offset, end),
        headers: { "Content-Range": `bytes ${offset}-${end - 1}/${file.size}` },
      });
      if (!answer.ok && answer.status !== 308) throw new TypeError("broken off");
      const next = answer.ok ? file.size : reached(answer);
      this.advance(next - offset);
      offset = next;
    }
  }

  advance(bytes) {
    this.sent += Math.max(0, bytes);
    const seconds = (performance.now() - this.began) / 1000;
    const speed = drop.dataset.perSecond.replace("{}", megabytes((this.sent - this.before) / seconds));
    this.bar.value = this.sent / this.size;
    this.say(`${Math.floor((100 * this.sent) / this.size)} % · ${speed}`);
  }

  async piece(id, number, file, offset) {
    const answer = await ask("PATCH", `${drop.dataset.announce}/${id}/${number}`, {
      body: file.slice(offset, offset + PIECE),
      headers: { "Upload-Offset": offset, "Content-Type": "application/octet-stream" },
    });
    const now = Number(answer.headers.get("Upload-Offset"));
    if (answer.status === 429) { await pause(2000); return offset; }
    if (![204, 409].includes(answer.status)) throw new Error((await answer.json()).error);
    if (!answer.headers.has("Upload-Offset")) throw new TypeError("removed meanwhile");
    this.advance(now - offset);
    return now;
  }
}

async function work() {
  if (active >= AT_ONCE || !queue.length) return;
  active++;
  await queue.shift().go();
  active--;
  work();
}

function add(name, files) {
  const kept = files.length > 1 ? files.filter((one) => !media.test(one.path) && one.file.size) : files;
  if (!kept.length) return;
  queue.push(new Sending(name, kept));
  work();
}

async function refresh() {
  // The reports come while other files are still being sent.
  if (looking) return;
  looking = true;
  for (;;) {
    const answer = await fetch(drop.dataset.listed).catch(() => null);
    if (answer?.ok) {
      const html = await answer.text();
      if (html !== shown.dataset.last) { shown.innerHTML = html; shown.dataset.last = html; }
    }
    if (answer && !Number(shown.querySelector(".uploads")?.dataset.busy)) break;
    await pause(700);
  }
  looking = false;
}

async function walk(entry, path, found) {
  if (entry.isFile) found.push({ path: path + entry.name, file: await new Promise((done, fail) => entry.file(done, fail)) });
  else {
    const reader = entry.createReader();
    for (;;) {
      const batch = await new Promise((done, fail) => reader.readEntries(done, fail));
      if (!batch.length) break;
      for (const child of batch) await walk(child, `${path}${entry.name}/`, found);
    }
  }
  return found;
}

document.getElementById("files").addEventListener("change", (event) => {
  for (const file of event.target.files) add(file.name, [{ path: file.name, file }]);
  event.target.value = "";
});
document.getElementById("folder").addEventListener("change", (event) => {
  const files = [...event.target.files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
  if (files.length) add(files[0].path.split("/")[0], files);
  event.target.value = "";
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", kind === "dragover");
  });
}
drop.addEventListener("drop", async (event) => {
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  for (const entry of entries) add(entry.name, await walk(entry, "", []));
});
window.addEventListener("beforeunload", (event) => { if (active) event.preventDefault(); });
if (Number(shown.querySelector(".uploads")?.dataset.busy)) refresh();
