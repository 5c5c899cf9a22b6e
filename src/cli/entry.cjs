/**
 * What the launcher starts. An older Node.js than rnetns needs would end in a SyntaxError of the program beside this file,
 * or go on and fail later: here it is told in words, which every Node.js can read.
 *
 * `npm run build` copies this to dist/cli under the name of each program, with package.json's number for NEEDED.
 */
'use strict';

var needed = 'NEEDED'.split('.').map(Number);
var found = process.versions.node.split('.').map(Number);

if (found[0] < needed[0] || (found[0] === needed[0] && found[1] < needed[1])) {
  var message =
    'cannot start: ' + process.execPath + ' is Node.js ' + process.versions.node + ', and NEEDED or newer is needed';
  var hint = 'install Node.js NEEDED or newer (https://nodejs.org/en/download) and see that PATH leads to it first';
  // Those of the command after `--` are its own.
  var options = process.argv.slice(2).join('\n').split('\n--\n')[0].split('\n');
  process.stderr.write(
    options.indexOf('--json') >= 0
      ? JSON.stringify({ error: { code: 'ERR_PROGRAM_MISSING', message: message, hint: hint } }) + '\n'
      : 'rnetns: ' + message + '\nhint: ' + hint + '\n',
  );
  process.exitCode = 125;
} else {
  require('./load.cjs').load(require('path').basename(__filename, '.cjs') + '-program');
}
