// What a reader does with the report page, in Chromium. `run` beside this file makes the reports.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";

const folder = process.env.REPORTS;
const { chromium } = await import(process.env.PLAYWRIGHT);
const report = JSON.parse(await readFile(`${folder}/report.json`, "utf8"));
const matrix = JSON.parse(await readFile(`${folder}/matrix.json`, "utf8"));

// A phone of 360 by 740, and what WCAG 2.2 asks of contrast (AA, text) and of targets to touch.
const PHONE = { width: 360, height: 740 };
const CONTRAST_MIN = 4.5;
const TARGET_MIN = 24;

let browser;
before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"],
  });
});
after(() => browser?.close());

/** Opens a report; the page must say nothing on the console and ask for nothing but itself. */
async function opened(name, options = {}, hash = "") {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("console", (message) => faults.push(`console: ${message.text()}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(`file://${folder}/${name}`)) faults.push(`asked for ${request.url()}`);
  });
  await page.goto(`file://${folder}/${name}${hash}`);
  return { page, done: async () => { await context.close(); assert.deepEqual(faults, []); } };
}

const shown = (page) => page.locator("details.case:visible").evaluateAll((all) => all.map((one) => one.id));
const ids = report.cases.map((one) => one.id).sort();
const failed = report.cases.filter((one) => one.outcome === "fail");

test("the page holds what the JSON says", async () => {
  assert.ok(failed.length > 0 && failed.length < ids.length, "some pass, some fail");
  const { page, done } = await opened("report.html");
  assert.equal(await page.locator("h1").innerText(), "not conformant");
  assert.deepEqual((await shown(page)).sort(), ids);
  for (const outcome of ["pass", "fail"]) {
    const count = report.cases.filter((one) => one.outcome === outcome).length;
    assert.equal(await page.locator(`.chip:has(input[value=${outcome}])`).innerText(), `${count} ${outcome}`);
  }
  for (const one of failed) {
    const body = page.locator(`[id="${one.id}"]`);
    await body.locator("summary").click();
    const text = await body.innerText();
    const said = [one.expected, one.actual, one.rerun, ...one.requirements, ...one.trace];
    for (const words of said) assert.ok(text.includes(words), `${one.id} shows ${words}`);
    const clause = await body.locator("blockquote").first().innerText();
    assert.match(clause, / (MUST|SHOULD|MAY) /, "the words of a clause");
  }
  await done();
});

test("a search leaves what fits", async () => {
  const { page, done } = await opened("report.html");
  await page.keyboard.press("/");
  await page.keyboard.type(failed[0].id);
  assert.deepEqual(await shown(page), [failed[0].id]);
  await page.keyboard.type(" nothing of the kind");
  assert.deepEqual(await shown(page), []);
  assert.ok(await page.locator("#none").isVisible(), "it says that no case fits");
  await page.keyboard.press("Escape");
  assert.deepEqual((await shown(page)).sort(), ids);
  await page.locator(".chip:has(input[value=fail])").click();
  assert.deepEqual((await shown(page)).sort(), failed.map((one) => one.id).sort());
  await done();
});

test("the keyboard is enough", async () => {
  const { page, done } = await opened("report.html");
  const focused = () => page.evaluate(() => document.activeElement.closest("details")?.id);
  const open = () => page.locator("details.case[open]").count();
  const visited = [];
  for (const _ of failed) {
    await page.keyboard.press("n");
    visited.push(await focused());
  }
  assert.deepEqual(visited.sort(), failed.map((one) => one.id).sort());
  const first = await focused();
  await page.keyboard.press("Enter");
  assert.equal(await page.locator(`[id="${first}"]`).getAttribute("open"), "");
  await page.keyboard.press("Enter");
  assert.equal(await open(), 0);
  await page.keyboard.press("x");
  assert.equal(await open(), ids.length);
  await page.keyboard.press("x");
  assert.equal(await open(), 0);
  await page.keyboard.press("k");
  await page.keyboard.press("j");
  assert.equal(await focused(), first);
  await done();
});

test("a link to a case opens it", async () => {
  const { page, done } = await opened("report.html", {}, `#${failed[0].id}`);
  assert.equal(await page.locator(`[id="${failed[0].id}"]`).getAttribute("open"), "");
  assert.equal(await page.locator("details.case[open]").count(), 1);
  await done();
});

test("the line to run a case again is copied", async () => {
  const permissions = ["clipboard-read", "clipboard-write"];
  const { page, done } = await opened("report.html", { permissions }, `#${failed[0].id}`);
  const button = page.locator("details.case[open] .copy");
  await button.click();
  assert.match(await button.innerText(), /^(copied|selected)$/);
  assert.equal(await page.locator("details.case[open] .rerun code").innerText(), failed[0].rerun);
  await done();
});

/** The contrast of the text of each element with what is behind it, by WCAG's relative luminance. */
const contrasts = (page, selector) => page.locator(selector).evaluateAll((all) => {
  const numbers = (colour) => colour.match(/[\d.]+/g).map(Number);
  const light = ([red, green, blue]) => {
    const [r, g, b] = [red, green, blue].map((one) => one / 255)
      .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = numbers(getComputedStyle(one).backgroundColor);
      if (colour[3] !== 0) return colour;
    }
    return [255, 255, 255];
  };
  return all.map((one) => {
    const [text, back] = [light(numbers(getComputedStyle(one).color)), light(behind(one))];
    return (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05);
  });
});

const TEXTS = "h1, h2, .dim, .outcome, .id, dt, dd, blockquote, .trace code, .rerun code, td b, th, td";

for (const colorScheme of ["light", "dark"]) {
  test(`the text can be read, ${colorScheme}`, async () => {
    for (const name of ["report.html", "matrix.html"]) {
      const { page, done } = await opened(name, { colorScheme });
      await page.keyboard.press("x");
      const found = await contrasts(page, TEXTS);
      assert.ok(found.length > 10, `${found.length} texts`);
      assert.ok(Math.min(...found) >= CONTRAST_MIN, `${name}: the weakest is ${Math.min(...found)}`);
      await done();
    }
  });
}

test("dark and light change by a key and by a button", async () => {
  const { page, done } = await opened("report.html", { colorScheme: "light" });
  const behind = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await behind();
  await page.keyboard.press("t");
  assert.notEqual(await behind(), light);
  await page.locator("#theme").click();
  assert.equal(await behind(), light);
  await done();
});

test("a phone is wide enough, and a finger fine enough", async () => {
  for (const name of ["report.html", "matrix.html"]) {
    const { page, done } = await opened(name, { viewport: PHONE, hasTouch: true, isMobile: true });
    for (const summary of await page.locator("summary").all()) await summary.tap();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= PHONE.width, `${name} is ${wide} px wide`);
    const targets = page.locator("summary, button, .chip, input[type=search]");
    for (const target of await targets.all()) {
      if (!(await target.isVisible())) continue;
      const { height } = await target.boundingBox();
      assert.ok(height >= TARGET_MIN, `${name}: ${await target.innerText()} is ${height} px high`);
    }
    await done();
  }
});

test("the matrix says who talks with whom", async () => {
  const { page, done } = await opened("matrix.html");
  const cells = await page.locator(".matrix tbody td").count();
  assert.equal(cells, matrix.matrix.length);
  for (const one of matrix.matrix) {
    const row = page.locator(".matrix tbody tr").filter({ has: page.locator("th", { hasText: one.inviter }) });
    assert.ok((await row.first().innerText()).includes(one.outcome), `${one.inviter}: ${one.outcome}`);
  }
  await done();
});
