// Links to send are selected when they are touched.
for (const field of document.querySelectorAll(".link-field")) field.addEventListener("focus", () => field.select());
