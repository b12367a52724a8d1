// What HashiCorp's own parser reads in the files named (Terraform, Packer), and AWS's specification of the CloudFormation resource types
// named after `--`, as one JSON object.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { parse } = require("@cdktf/hcl2json");
const specification = require("@aws-cdk/cfnspec").specification();

const words = process.argv.slice(2);
const files = words.slice(0, words.indexOf("--"));
const types = words.slice(words.indexOf("--") + 1);

const hcl = {};
for (const file of files) hcl[file] = await parse(file, await readFile(file, "utf8"));
const resources = Object.fromEntries(types.map((type) => [type, specification.ResourceTypes[type]]));
const nested = Object.entries(specification.PropertyTypes).filter(([name]) => name === "Tag" || types.includes(name.split(".")[0]));
process.stdout.write(JSON.stringify({ hcl, resources, properties: Object.fromEntries(nested) }));
