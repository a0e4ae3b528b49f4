// Before the first paint: the theme that was chosen here earlier.
try {
  const chosen = localStorage.getItem("mezan-theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
} catch {
  // storage may be forbidden: the system's theme it is
}
