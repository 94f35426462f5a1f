// A product's book, live: snapshots and increments in numbered steps, as /api/v1/market/stream tells them.
// Everything on the page is already there without this file; what it cannot know itself (charts, what is mine)
// it takes from the page's own address again, at most every REFRESH_MS and never under the reader's hands.

const REFRESH_MS = 8000;
const DRAW_MS = 250;
const TRADES = 20;
const book = document.querySelector("[data-book]");

if (book) {
  const words = book.dataset;
  const product = words.book;
  const shown = Number(words.levels);
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const sides = { bids: new Map(), asks: new Map() };
  let sequence = -1;
  let state = words.state;
  let known = false;
  let drawn = 0;
  let refreshed = Date.now();
  let wanted = 0;

  const price = (sen) => `${Math.trunc(sen / 100).toLocaleString("en")}.${String(sen % 100).padStart(2, "0")}`;
  const whole = (wh) => wh.toLocaleString("en");
  const energy = (wh) => (wh < 1000 ? `${wh} Wh` : `${whole(Math.trunc(wh / 1000))}.${String(wh % 1000).padStart(3, "0")} kWh`);
  const parts = new Intl.DateTimeFormat("en", {
    timeZone: "Asia/Tokyo", hour12: false, hourCycle: "h23",
    month: document.documentElement.lang === "ja" ? "numeric" : "short",
    day: document.documentElement.lang === "ja" ? "numeric" : "2-digit",
    hour: document.documentElement.lang === "ja" ? "numeric" : "2-digit", minute: "2-digit",
  });
  const time = (ms) => {
    const at = Object.fromEntries(parts.formatToParts(ms).map((part) => [part.type, part.value]));
    return document.documentElement.lang === "ja"
      ? `${at.month}/${at.day} ${Number(at.hour)}:${at.minute}` : `${at.day} ${at.month} ${at.hour}:${at.minute}`;
  };

  const put = (name, text) => {
    for (const element of document.querySelectorAll(`[data-live="product.${product}.${name}"]`)) {
      if (element.textContent !== text) element.textContent = text;
    }
  };

  const cell = (tag, text, style) => {
    const element = document.createElement(tag);
    element.textContent = text;
    element.className = style;
    if (tag === "th") element.scope = "row";
    return element;
  };

  const sorted = (side) => {
    const prices = [...sides[side].keys()].sort((one, other) => one - other);
    return side === "bids" ? prices.reverse() : prices;
  };

  const fill = (body, side, prices, changed) => {
    const rows = prices.map((sen) => {
      const level = sides[side].get(sen);
      const row = document.createElement("tr");
      if (changed.has(sen) && !calm) row.className = "changed";
      const wh = cell("td", whole(level.quantity_wh), "number");
      const at = cell("th", price(sen), `number ${side === "bids" ? "buy" : "sell"}`);
      const none = cell("td", "", "");
      const many = cell("td", whole(level.orders), "number soft");
      row.append(...(side === "bids" ? [none, at, wh, many] : [wh, at, none, many]));
      return row;
    });
    if (side === "asks") rows.reverse();
    body.replaceChildren(...rows);
  };

  const draw = (changed) => {
    drawn = Date.now();
    const bids = sorted("bids");
    const asks = sorted("asks");
    for (const board of book.querySelectorAll(".board")) {
      const all = Boolean(board.closest("details"));
      if (all && !board.closest("details").open) continue;
      fill(board.querySelector(".bids"), "bids", all ? bids : bids.slice(0, shown), changed);
      fill(board.querySelector(".asks"), "asks", all ? asks : asks.slice(0, shown), changed);
      const spread = bids.length && asks.length ? price(asks[0] - bids[0]) : "–";
      board.querySelector(".spread td").textContent = words.spread.replace("{spread}", spread);
    }
    const empty = book.querySelector("[data-book-empty]");
    if (empty) empty.hidden = bids.length + asks.length > 0;
    put("bid", bids.length ? price(bids[0]) : "–");
    put("ask", asks.length ? price(asks[0]) : "–");
  };

  let waiting = new Set();
  let timer = 0;
  const redraw = (changed) => {
    for (const sen of changed) waiting.add(sen);
    if (timer) return;
    timer = setTimeout(() => {
      timer = 0;
      const now = waiting;
      waiting = new Set();
      draw(now);
    }, Math.max(0, DRAW_MS - (Date.now() - drawn)));
  };

  const trades = (made) => {
    if (!made.length) return;
    put("last", price(made.at(-1).price_sen_per_kwh));
    words.volume = String(Number(words.volume) + made.reduce((sum, trade) => sum + trade.quantity_wh, 0));
    put("volume", energy(Number(words.volume)));
    const body = document.querySelector("[data-trades]");
    if (!body) return;
    body.closest("[hidden]")?.removeAttribute("hidden");
    document.querySelector("[data-no-trades]")?.remove();
    for (const trade of made) {
      const row = document.createElement("tr");
      const link = document.createElement("a");
      link.href = `/log/${trade.position}`;
      link.textContent = `#${trade.position}`;
      const last = cell("td", "", "");
      last.append(link);
      row.append(
        cell("td", time(trade.timestamp_ms), ""), cell("td", price(trade.price_sen_per_kwh), "number"),
        cell("td", whole(trade.quantity_wh), "number"), last,
      );
      body.prepend(row);
    }
    while (body.children.length > TRADES) body.lastElementChild.remove();
  };

  const levels = (told) => {
    const changed = [];
    for (const side of ["bids", "asks"]) {
      for (const level of told[side]) {
        if (level.orders) sides[side].set(level.price_sen, level); else sides[side].delete(level.price_sen);
        changed.push(level.price_sen);
      }
    }
    return changed;
  };

  const free = (element) => !element.contains(document.activeElement) && !element.querySelector("details[open]");

  const refresh = async () => {
    wanted = 0;
    refreshed = Date.now();
    const answer = await fetch(words.address, { headers: { Accept: "text/html" } }).catch(() => null);
    if (!answer || !answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const old of document.querySelectorAll("[data-fresh]")) {
      const made = fresh.querySelector(`[data-fresh="${CSS.escape(old.dataset.fresh)}"]`);
      if (!made || !free(old)) continue;
      if (made.dataset.trade && made.dataset.trade !== old.dataset.trade) {
        document.querySelector("[data-announce]").textContent = made.dataset.told;
      }
      old.replaceWith(document.importNode(made, true));
    }
  };

  const later = () => {
    if (wanted) return;
    wanted = setTimeout(refresh, Math.max(DRAW_MS, REFRESH_MS - (Date.now() - refreshed)));
  };

  const stand = (told) => {
    if (told === undefined || told === state) return;
    state = told;
    const typed = [...document.querySelectorAll("main input[type=text]")].some((field) => field.value !== field.defaultValue);
    if (!typed && location.pathname === words.address.split("?")[0]) location.reload();
    else document.querySelector("[data-changed]").hidden = false;
  };

  document.addEventListener("wattmark:snapshot", (event) => {
    const told = event.detail;
    sequence = told.sequence;
    stand(told.state);
    if (told.blind) return;
    sides.bids.clear();
    sides.asks.clear();
    levels(told);
    redraw([]);
    if (known) later();
    known = true;
  });

  document.addEventListener("wattmark:increment", (event) => {
    const told = event.detail;
    if (!known || told.sequence <= sequence) return;
    if (told.sequence !== sequence + 1) {
      document.dispatchEvent(new CustomEvent("wattmark:resync"));
      return;
    }
    sequence = told.sequence;
    redraw(levels(told));
    trades(told.trades);
    later();
    stand(told.state);
  });

  book.addEventListener("toggle", () => { if (known) draw(new Set()); }, true);
}
