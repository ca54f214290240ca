/** Draws only those rows of a long list that can be seen; the whole page scrolls. All rows are equally high. */
import type { RefObject } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";

export interface Range {
  /** The first row to draw, and the one after the last. */
  readonly from: number;
  readonly to: number;
}

/** Beyond what is seen, so that a quick scroll does not outrun the drawing. */
const MARGIN = 12;
/** Under the sticky heads, px. */
const COVERED = 48;

/**
 * @param list the element that is as high as all rows together
 * @param height of a row, px; 0 while it is not known
 */
export function useRange(list: RefObject<HTMLElement | null>, count: number, height: number): Range {
  const [range, setRange] = useState<Range>({ from: 0, to: 40 });
  useLayoutEffect(() => {
    let frame = 0;
    const measure = () => {
      frame = 0;
      const top = list.current?.getBoundingClientRect().top;
      if (top === undefined || height === 0) return;
      const from = Math.max(0, Math.floor(-top / height) - MARGIN);
      const to = Math.min(count, Math.ceil((innerHeight - top) / height) + MARGIN);
      setRange((old) => (old.from === from && old.to === to ? old : { from, to }));
    };
    const later = () => {
      if (frame === 0) frame = requestAnimationFrame(measure);
    };
    measure();
    addEventListener("scroll", later, { passive: true });
    addEventListener("resize", later);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener("scroll", later);
      removeEventListener("resize", later);
    };
  });
  return { from: Math.min(range.from, count), to: Math.min(range.to, count) };
}

/** Height of the ruler, px, which changes with the layout and with the reader's font size. */
export function useHeight(ruler: RefObject<HTMLElement | null>): number {
  const [height, setHeight] = useState(0);
  useLayoutEffect(() => {
    const element = ruler.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setHeight(element.offsetHeight));
    setHeight(element.offsetHeight);
    observer.observe(element);
    return () => observer.disconnect();
  }, [ruler]);
  return height;
}

export function reveal(list: HTMLElement, index: number, height: number): void {
  const top = list.getBoundingClientRect().top + index * height;
  if (top < COVERED) scrollBy({ top: top - COVERED });
  else if (top + height > innerHeight) scrollBy({ top: top + height - innerHeight });
}
