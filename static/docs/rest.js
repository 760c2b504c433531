//! Starts Swagger UI on this server's own description. A token that is entered stays in the page.

const isDark = matchMedia('(prefers-color-scheme: dark)');
const followScheme = () => document.documentElement.classList.toggle('dark-mode', isDark.matches);

followScheme();
isDark.addEventListener('change', followScheme);

// A module runs after the scripts that come before it, so the vendor's is there.
globalThis.SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#rest',
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  filter: true,
  // Nothing is sent elsewhere: Swagger UI would ask its makers whether the document is valid.
  validatorUrl: null,
});
