// Before the first paint, so that a dark page does not flash white.
try {
  const theme = localStorage.getItem("tradewind.theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch {
  // No storage: the system's theme it is.
}
