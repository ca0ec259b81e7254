// JSON lines in, JSON lines out: what both programs for Node have in common.

import { createInterface } from "node:readline";

/** Answers every ask on stdin by `see`, one after another; a program that breaks says so and goes on. */
export async function answerAsks(see) {
  process.stdout.write("ready\n");
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    let seen;
    try {
      seen = await see(JSON.parse(line));
    } catch (fault) {
      seen = { complaints: [`the program broke: ${fault?.stack ?? fault}`] };
    }
    process.stdout.write(`${JSON.stringify(seen)}\n`);
  }
}
