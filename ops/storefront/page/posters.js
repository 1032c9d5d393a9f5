// Posters drawn from titles: colours and shapes follow from the letters, so a title always looks the same.

const SVG = "http://www.w3.org/2000/svg";

function hash(text) {
  let value = 2166136261;
  for (const character of text) {
    value = Math.imul(value ^ character.codePointAt(0), 16777619);
  }
  return value >>> 0;
}

function shape(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) {
    element.setAttribute(attribute, String(value));
  }
  return element;
}

function lines(title) {
  const found = [""];
  for (const word of title.split(" ")) {
    const last = found[found.length - 1];
    if (last && (last + " " + word).length > 11) {
      found.push(word);
    } else {
      found[found.length - 1] = last ? `${last} ${word}` : word;
    }
  }
  return found.slice(0, 4);
}

/** An SVG element, 120 by 170; decorative, the title stands beside it. */
export function poster(title) {
  const seed = hash(title);
  const hue = seed % 360;
  const svg = shape("svg", { viewBox: "0 0 120 170", "aria-hidden": "true", focusable: "false" });
  svg.append(shape("rect", { width: 120, height: 170, fill: `hsl(${hue} 45% 22%)` }));
  for (let n = 0; n < 4; n += 1) {
    const part = hash(title + n);
    svg.append(
      shape("circle", {
        cx: part % 120,
        cy: 20 + ((part >>> 8) % 110),
        r: 12 + ((part >>> 16) % 34),
        fill: `hsl(${(hue + 40 * n + 30) % 360} 60% ${35 + 6 * n}%)`,
        "fill-opacity": 0.55,
      }),
    );
  }
  svg.append(shape("rect", { y: 96, width: 120, height: 74, fill: "#000", "fill-opacity": 0.6 }));
  lines(title).forEach((line, n) => {
    const text = shape("text", { x: 8, y: 114 + 15 * n, fill: "#fff", "font-size": 13, "font-weight": 700 });
    text.textContent = line;
    svg.append(text);
  });
  return svg;
}
