// Runs functions of the page's modules on raw files, for test_web_modules.py: node web_modules.mjs FOLDER < calls.json
//
// A call is {module, name, arguments, out}; among the arguments {file, width, height, plane} stands for a picture.

import fs from "node:fs";

const [folder] = process.argv.slice(2);

function picture({ file, width, height, plane }) {
  const { buffer } = Uint8Array.from(fs.readFileSync(file));
  return { data: plane ? new Float32Array(buffer) : new Uint8ClampedArray(buffer), width, height };
}

for (const call of JSON.parse(fs.readFileSync(0))) {
  const functions = await import(`${folder}/${call.module}.js`);
  const given = call.arguments.map((argument) => (argument?.file ? picture(argument) : argument));
  const result = functions[call.name](...given);
  const { data } = result.frame ? { data: result.frame } : result;
  fs.writeFileSync(call.out, new Uint8Array(data.buffer));
}
