// Icons after Lucide (ISC): strokes in a box of 24 by 24.
const PATHS: Record<string, string> = {
  home: "M3 11l9-8 9 8M5 9.5V21h5v-6h4v6h5V9.5",
  dags: "M4 5h6v5H4zM14 14h6v5h-6zM10 7.5h4a3 3 0 0 1 3 3V14",
  runs: "M4 6h16M4 12h10M4 18h13",
  assets: "M12 3l8 4.5v9L12 21l-8-4.5v-9zM12 12l8-4.5M12 12v9M12 12L4 7.5",
  pools: "M4 8c2-2 4-2 6 0s4 2 6 0 3-1.5 4-.8M4 13c2-2 4-2 6 0s4 2 6 0 3-1.5 4-.8M4 18c2-2 4-2 6 0s4 2 6 0 3-1.5 4-.8",
  variables: "M8 4c-5 4-5 12 0 16M16 4c5 4 5 12 0 16M9 9l6 6M15 9l-6 6",
  connections: "M9 7V3M15 7V3M6 7h12v4a6 6 0 0 1-12 0zM12 17v4",
  workers: "M4 5h16v5H4zM4 14h16v5H4zM8 7.5v.01M8 16.5v.01",
  backfill: "M4 12a8 8 0 1 0 3-6.200M4 4v4h4M12 8v4l3 2",
  audit: "M6 3h9l4 4v14H6zM9 11h7M9 15h7M9 7h3",
  errors: "M12 4l9 16H3zM12 10v4M12 17v.01",
  config: "M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4",
  users: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM3 20c0-4 2.5-6 6-6s6 2 6 6M16 4.5a3.5 3.5 0 0 1 0 6.5M18 14.5c2 .8 3 2.700 3 5.5",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l5 5",
  play: "M7 4l13 8-13 8z",
  pause: "M8 5v14M16 5v14",
  clear: "M4 12a8 8 0 1 0 3-6.200M4 4v4h4",
  check: "M5 12.5l4.5 4.5L19 7",
  x: "M6 6l12 12M18 6L6 18",
  down: "M6 9l6 6 6-6",
  right: "M9 6l6 6-6 6",
  left: "M15 6l-6 6 6 6",
  up: "M6 15l6-6 6 6",
  more: "M6 12v.01M12 12v.01M18 12v.01",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.400 1.400M17.600 17.600L19 19M19 5l-1.400 1.400M6.400 17.600L5 19",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z",
  system: "M3 5h18v11H3zM9 20h6M12 16v4",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3 2",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  download: "M12 4v11M7 11l5 5 5-5M4 20h16",
  wrap: "M4 6h16M4 12h13a3 3 0 0 1 0 6h-4M15 15l-3 3 3 3M4 18h4",
  menu: "M4 6h16M4 12h16M4 18h16",
  plus: "M12 5v14M5 12h14",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  edit: "M4 20l1-4L16 5l3 3L8 19z",
  grid: "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h6v6h-6z",
  graph: "M5 5h5v4H5zM14 10h5v4h-5zM5 15h5v4H5zM10 7h2v10h-2M12 12h2",
  gantt: "M4 6h8M8 12h9M12 18h8",
  calendar: "M4 6h16v14H4zM4 10h16M8 3v4M16 3v4",
  code: "M8 7l-5 5 5 5M16 7l5 5-5 5",
  info: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 11v5M12 8v.01",
  star: "M12 4l2.500 5.200 5.600.8-4 4 .9 5.600-5-2.700-5 2.700.9-5.600-4-4 5.600-.8z",
  question: "M4 5h16v11H10l-5 4v-4H4zM9.500 9a2.500 2 0 1 1 3.500 1.800c-.7.3-1 .6-1 1.200M12 13.800v.01",
  out: "M14 4h6v16h-6M10 8l-4 4 4 4M6 12h9",
};

export function Icon({ name, size = 16 }: { name: string; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name] ?? ""} />
    </svg>
  );
}
