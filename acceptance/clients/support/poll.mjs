// Waiting for a condition that only asking can tell.
// lint: allow(test-wait) the pace of a poll that has a deadline; no test relies on its length
import { setTimeout as pause } from 'node:timers/promises';

const pace = 50; // ms between two looks

/// Returns the first true-ish value that `condition` gives; throws after `deadline` ms with what it saw last.
export async function until(what, condition, deadline = 60_000) {
  const end = performance.now() + deadline;
  let last;
  do {
    try {
      const value = await condition();
      if (value) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    await pause(pace);
  } while (performance.now() < end);
  throw new Error(`${what}: not within ${deadline / 1000} s; last seen: ${last?.stack ?? JSON.stringify(last)}`);
}
