// Cells as pictures: each state is drawn once for a theme and a screen, then stamped.
import { GLYPHS, HOLLOW, STATES } from "./states";

export interface Ink {
  cell: (ctx: CanvasRenderingContext2D, state: string, x: number, y: number) => void;
  fill: (state: string) => string;
  css: (name: string) => string;
}

/** Prepare for drawing cells of a size, in the theme that is shown now. */
export function ink(size: number): Ink {
  const style = getComputedStyle(document.documentElement);
  const css = (name: string): string => style.getPropertyValue(name).trim();
  const dpr = devicePixelRatio || 1;
  const made = new Map<string, HTMLCanvasElement>();
  const fill = (state: string): string => css(`--s-${state.replaceAll("_", "-")}`) || "#888";
  const draw = (state: string): HTMLCanvasElement => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = Math.ceil(size * dpr);
    const ctx = canvas.getContext("2d")!;
    ctx.scale((size * dpr) / 16, (size * dpr) / 16);
    const colour = fill(state);
    const hollow = HOLLOW.has(state);
    ctx.beginPath();
    ctx.roundRect(hollow ? 1.2 : 0.4, hollow ? 1.2 : 0.4, hollow ? 13.6 : 15.2, hollow ? 13.6 : 15.2, 3.6);
    if (hollow) {
      ctx.strokeStyle = colour;
      ctx.lineWidth = state === "none" ? 1 : 1.7;
      if (state === "none" || state === "removed") ctx.setLineDash([2, 2]);
      ctx.stroke();
      ctx.setLineDash([]);
    } else {
      ctx.fillStyle = colour;
      ctx.fill();
    }
    // Success is by far the commonest: a plain cell is calm, and any glyph then means something.
    if (state !== "success" && STATES[state]) {
      ctx.strokeStyle = hollow ? colour : css("--on-state");
      ctx.lineWidth = 1.9;
      ctx.lineCap = ctx.lineJoin = "round";
      ctx.stroke(new Path2D(GLYPHS[state] ?? ""));
    }
    return canvas;
  };
  return {
    css,
    fill,
    cell: (ctx, state, x, y) => {
      let picture = made.get(state);
      if (!picture) {
        picture = draw(state);
        made.set(state, picture);
      }
      ctx.drawImage(picture, x, y, size, size);
    },
  };
}

/** Fit a canvas to its box on this screen; returns its context, in CSS pixels. */
export function fit(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const dpr = devicePixelRatio || 1;
  const [w, h] = [Math.round(width * dpr), Math.round(height * dpr)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const ctx = canvas.getContext("2d")!;
  ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
  return ctx;
}
