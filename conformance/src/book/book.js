// Draws the diagrams: mdBook leaves them as code.
(() => {
  const blocks = document.querySelectorAll("code.language-mermaid");
  if (!blocks.length || !window.mermaid) return;
  for (const code of blocks) {
    const drawing = document.createElement("pre");
    drawing.className = "mermaid";
    drawing.textContent = code.textContent;
    code.closest("pre").replaceWith(drawing);
  }
  // On white in every theme: a diagram is read like a picture.
  window.mermaid.initialize({ startOnLoad: false, theme: "neutral", securityLevel: "strict" });
  window.mermaid.run({ querySelector: "pre.mermaid" });
})();
