// Draws the plots of a source's page. The same numbers stand in a table below them.
"use strict";
(() => {
  const HEIGHT = 170;
  const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });
  const exact = new Intl.NumberFormat("en-US", { maximumFractionDigits: 2 });
  const short = (value) => (Math.abs(value) < 1000 ? exact : compact).format(value);
  const charts = [];

  // The style sheet has the colors of both themes: of the axes, the grid and the line.
  const colors = (figure) => {
    const { color, borderTopColor } = getComputedStyle(figure);
    return { axis: color, grid: borderTopColor, line: getComputedStyle(figure.querySelector(".plot")).color };
  };

  const scaled = (values, unit) => values.map((value) => (value === null || unit !== "%" ? value : value * 100));

  const withUnit = (text, unit) => (unit === "%" ? `${text} %` : unit ? `${text} ${unit}` : text);

  const describe = (title, periods, values, newest, unit) => {
    const known = values.filter((value) => value !== null);
    const say = (value) => withUnit(exact.format(value), unit);
    return `${title}, from ${periods[0]} to ${periods.at(-1)}: the newest, of ${periods[newest]}, is ${say(values[newest])}; ` +
      `the lowest is ${say(Math.min(...known))}, the highest ${say(Math.max(...known))}. The table below has all numbers.`;
  };

  const axis = (palette, rest) => ({
    stroke: () => palette.now.axis,
    grid: { stroke: () => palette.now.grid, width: 1 },
    ticks: { stroke: () => palette.now.grid, width: 1, size: 4 },
    font: "11px system-ui, sans-serif",
    ...rest,
  });

  const draw = (figure, numbers) => {
    const { name, label, unit } = figure.dataset;
    const place = figure.querySelector(".plot");
    const values = scaled(numbers[name], unit);
    const title = figure.querySelector("figcaption").textContent;
    const newest = values.findLastIndex((value) => value !== null);
    place.setAttribute("aria-label", describe(title, numbers.period, values, newest, unit));
    const palette = { now: colors(figure) };
    const whole = values.every((value) => value === null || Number.isInteger(value));
    const options = {
      width: place.clientWidth,
      height: HEIGHT,
      scales: {
        x: { time: false, range: (_, low, high) => [low - 0.5, high + 0.5] },
        y: { range: (_, low, high) => [Math.min(low, 0) * 1.1, Math.max(high, 0) * 1.1 || 1] },
      },
      axes: [
        axis(palette, {
          values: (_, splits) => splits.map((index) => numbers.period[index] ?? ""),
          incrs: [1, 2, 3, 4, 6, 7, 10, 12, 14, 30, 60, 90, 180, 365, 730],
          space: 78,
          size: 26,
          grid: { show: false },
        }),
        axis(palette, {
          values: (_, splits) => splits.map((value) => (whole && !Number.isInteger(value) ? "" : short(value))),
          size: 46,
          space: 28,
        }),
      ],
      series: [
        { label: "Period", value: (_, index) => (index === null ? "–" : numbers.period[index]) },
        {
          label,
          stroke: () => palette.now.line,
          width: 1.5,
          spanGaps: false,
          points: { size: 5, fill: () => palette.now.line, width: 0 },
          value: (_, value) => (value === null || value === undefined ? "–" : withUnit(exact.format(value), unit)),
        },
      ],
      cursor: { sync: { key: "periods" }, y: false, points: { size: 8 } },
      legend: { markers: { show: false } },
      hooks: { setLegend: [(chart) => chart.legend.idx ?? chart.setLegend({ idx: newest }, false)] },
    };
    const chart = new uPlot(options, [numbers.period.map((_, index) => index), values], place);
    new ResizeObserver(() => chart.setSize({ width: place.clientWidth, height: HEIGHT })).observe(place);
    chart.setLegend({ idx: newest }, false);
    charts.push({ chart, figure, palette });
  };

  const recolor = () => {
    for (const { chart, figure, palette } of charts) {
      palette.now = colors(figure);
      chart.redraw();
    }
  };

  const box = document.querySelector(".charts");
  if (!box) return;
  box.hidden = false;
  const numbers = JSON.parse(box.dataset.numbers);
  for (const figure of box.querySelectorAll("figure")) draw(figure, numbers);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolor);
  new MutationObserver(recolor).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
})();
