/** What fails, first of all. */
import type { Trouble } from "../troubles.ts";
import { Glyph } from "./glyph.tsx";
import { explainHref } from "./hooks.ts";

const MOST_LINKS = 4;

export function Troubles({ troubles }: { readonly troubles: readonly Trouble[] }) {
  if (troubles.length === 0) return null;
  return (
    <section class="troubles" aria-label="Failures">
      <ul>
        {troubles.map((trouble) => (
          <li key={trouble.key}>
            <Glyph state="failed" />
            <div>
              <strong>{trouble.title}</strong>
              <p class="wrap">{trouble.detail}</p>
              <Concerned trouble={trouble} />
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Concerned({ trouble: { instances } }: { readonly trouble: Trouble }) {
  const services = [...new Map(instances.map((instance) => [instance.service, instance.id]))];
  if (services.length === 0) return null;
  const more = services.length - MOST_LINKS;
  return (
    <p class="links">
      {services.slice(0, MOST_LINKS).map(([service, id]) => (
        <a key={id} href={explainHref(id)}>
          why {service}?
        </a>
      ))}
      {more > 0 && <span>and {more} more</span>}
    </p>
  );
}
