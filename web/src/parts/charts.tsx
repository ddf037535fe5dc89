// Charts of what a VM or a host does, drawn on a canvas and said in words below it.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { Measured, type Of, SPANS, type Span } from "../api/rrd.ts";
import { useApp } from "./app.ts";
import { problem } from "./errors.ts";
import { bytes, moment, percent, perSecond } from "./format.ts";
import { Card, Empty } from "./ui.tsx";

interface Line {
  label: string;
  values: number[];
}

interface Chart {
  title: string;
  lines: Line[];
  said: (value: number) => string;
  /** The top of the scale; without it the greatest value. */
  top?: number;
}

const KIB = 1024;
const MIB = 1024 * 1024;

function chartsOf(of: Of, measured: Measured): Chart[] {
  const sum = (name: RegExp, factor = 1) => measured.gathered(name, "sum", factor);
  const cpu: Chart = {
    title: "CPU",
    lines: [{ label: "CPU", values: measured.gathered(/^cpu\d+$/, "mean") }],
    said: percent,
    top: 1,
  };
  if (of.kind === "vm") {
    const total = sum(/^memory$/);
    const free = sum(/^memory_internal_free$/, KIB);
    return [
      cpu,
      {
        title: "Memory",
        lines: [{ label: "Used", values: total.map((value, at) => value - (Number.isNaN(free[at]) ? 0 : (free[at] ?? 0))) }],
        said: bytes,
        top: Math.max(0, ...total.filter((value) => !Number.isNaN(value))),
      },
      {
        title: "Network",
        lines: [
          { label: "Received", values: sum(/^vif_.*_rx$/) },
          { label: "Sent", values: sum(/^vif_.*_tx$/) },
        ],
        said: perSecond,
      },
      {
        title: "Disk",
        lines: [
          { label: "Read", values: sum(/^vbd_.*_read$/) },
          { label: "Written", values: sum(/^vbd_.*_write$/) },
        ],
        said: perSecond,
      },
    ];
  }
  const total = sum(/^memory_total_kib$/, KIB);
  const free = sum(/^memory_free_kib$/, KIB);
  return [
    cpu,
    {
      title: "Memory",
      lines: [{ label: "Used", values: total.map((value, at) => value - (free[at] ?? NaN)) }],
      said: bytes,
      top: Math.max(0, ...total.filter((value) => !Number.isNaN(value))),
    },
    {
      title: "Network",
      lines: [
        { label: "Received", values: sum(/^pif_eth\d+_rx$/) },
        { label: "Sent", values: sum(/^pif_eth\d+_tx$/) },
      ],
      said: perSecond,
    },
    {
      title: "Disk",
      lines: [
        { label: "Read", values: sum(/^io_throughput_read_/, MIB) },
        { label: "Written", values: sum(/^io_throughput_write_/, MIB) },
      ],
      said: perSecond,
    },
  ];
}

export function Charts({ kind, uuid, host }: Of) {
  const { session } = useApp();
  const [span, setSpan] = useState<Span>(SPANS[0]);
  const measured = useMemo(() => new Measured(session, { kind, uuid, host }, span), [kind, uuid, host, span]);
  const [, setCount] = useState(0);
  const [failed, setFailed] = useState("");
  useEffect(() => {
    const leaving = new AbortController();
    let timer = 0;
    const poll = async () => {
      if (!document.hidden) {
        try {
          await measured.update(leaving.signal);
          setFailed("");
        } catch (error) {
          if (leaving.signal.aborted) return;
          setFailed(problem(error).text);
        }
        setCount((count) => count + 1);
      }
      timer = window.setTimeout(poll, span.every * 1000);
    };
    void poll();
    return () => {
      leaving.abort();
      clearTimeout(timer);
    };
  }, [measured]);
  return (
    <>
      <fieldset class="spans" aria-label="Time span">
        {SPANS.map((one) => (
          <button key={one.label} type="button" aria-pressed={one === span} onClick={() => setSpan(one)}>
            {one.label}
          </button>
        ))}
      </fieldset>
      {failed && <Empty>{failed}</Empty>}
      <div class="charts" data-points={measured.times.length}>
        {chartsOf({ kind, uuid, host }, measured).map((chart) => (
          <Plot key={chart.title} chart={chart} times={measured.times} seconds={span.seconds} />
        ))}
      </div>
    </>
  );
}

const HEIGHT = 130;

function Plot({ chart, times, seconds }: { chart: Chart; times: number[]; seconds: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [at, setAt] = useState<number | null>(null);
  const [width, setWidth] = useState(0);
  const shown = at ?? times.length - 1;
  const top = chart.top || niceTop(Math.max(0, ...chart.lines.flatMap(({ values }) => values.filter((value) => !Number.isNaN(value)))));

  useLayoutEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const sized = new ResizeObserver(() => setWidth(element.clientWidth));
    sized.observe(element);
    return () => sized.disconnect();
  }, []);

  useLayoutEffect(() => {
    const element = canvas.current;
    const pen = element?.getContext("2d");
    if (!element || !pen || !width) return;
    const scale = devicePixelRatio || 1;
    element.width = width * scale;
    element.height = HEIGHT * scale;
    pen.scale(scale, scale);
    const style = getComputedStyle(element);
    const end = times.at(-1) ?? 0;
    const x = (time: number) => ((time - (end - seconds)) / seconds) * width;
    const y = (value: number) => HEIGHT - 1 - (value / (top || 1)) * (HEIGHT - 10);
    pen.strokeStyle = style.getPropertyValue("--line");
    pen.lineWidth = 1;
    for (const part of [0, 0.5, 1]) {
      pen.beginPath();
      pen.moveTo(0, Math.round(y(top * part)) + 0.5);
      pen.lineTo(width, Math.round(y(top * part)) + 0.5);
      pen.stroke();
    }
    for (const [n, { values }] of chart.lines.entries()) {
      const colour = style.getPropertyValue(`--chart-${n + 1}`);
      draw(pen, times, values, x, y, colour, chart.lines.length === 1);
    }
    if (at !== null && times[at] !== undefined) {
      pen.strokeStyle = style.getPropertyValue("--muted");
      pen.beginPath();
      pen.moveTo(x(times[at]), 0);
      pen.lineTo(x(times[at]), HEIGHT);
      pen.stroke();
    }
  });

  const point = (event: PointerEvent) => {
    const box = canvas.current?.getBoundingClientRect();
    if (!box || !times.length) return;
    const time = (times.at(-1) ?? 0) - seconds + ((event.clientX - box.left) / box.width) * seconds;
    let nearest = 0;
    for (const [n, one] of times.entries()) if (Math.abs(one - time) < Math.abs((times[nearest] ?? 0) - time)) nearest = n;
    setAt(nearest);
  };
  const when = times[shown];
  const words = chart.lines.map(({ label, values }) => `${label} ${chart.said(values[shown] ?? NaN)}`);
  return (
    <Card
      title={chart.title}
      more={<small>{when === undefined ? "" : at === null ? "now" : moment(new Date(when * 1000))}</small>}
    >
      <canvas
        ref={canvas}
        role="img"
        aria-label={`${chart.title}: ${words.join(", ")}`}
        onPointerMove={point}
        onPointerLeave={() => setAt(null)}
      />
      <p class="legend">
        {chart.lines.map(({ label, values }, n) => (
          <span key={label} class={`series-${n + 1}`}>
            {label} <b>{chart.said(values[shown] ?? NaN)}</b>
          </span>
        ))}
        <span class="top">of {chart.said(top)}</span>
      </p>
    </Card>
  );
}

function draw(
  pen: CanvasRenderingContext2D,
  times: number[],
  values: number[],
  x: (time: number) => number,
  y: (value: number) => number,
  colour: string,
  filled: boolean,
): void {
  let from: number | null = null;
  let last = 0;
  pen.strokeStyle = pen.fillStyle = colour;
  pen.lineWidth = 1.5;
  pen.lineJoin = "round";
  const finish = () => {
    if (from === null) return;
    pen.stroke();
    if (filled) {
      pen.lineTo(x(last), y(0));
      pen.lineTo(x(from), y(0));
      pen.globalAlpha = 0.12;
      pen.fill();
      pen.globalAlpha = 1;
    }
    from = null;
  };
  for (const [n, time] of times.entries()) {
    const value = values[n] ?? NaN;
    if (Number.isNaN(value)) {
      finish();
    } else if (from === null) {
      pen.beginPath();
      pen.moveTo(x(time), y(value));
      from = time;
    } else {
      pen.lineTo(x(time), y(value));
    }
    if (!Number.isNaN(value)) last = time;
  }
  finish();
}

/** A round number not below the greatest value. */
function niceTop(most: number): number {
  if (most <= 0) return 1024;
  const unit = 1024 ** Math.floor(Math.log(most) / Math.log(1024));
  return ([1, 2, 5, 10, 20, 50, 100, 200, 500, 1024].find((step) => step * unit >= most) ?? 1024) * unit;
}
