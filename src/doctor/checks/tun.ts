import { tunProblem } from '../../namespace/tun.js';
import { check, fail, ok } from '../check.js';

export const tun = check('tun', {
  gather: () => tunProblem(),
  judge: (problem) => (problem === undefined ? ok('/dev/net/tun can be opened') : fail(problem.why, problem.hint)),
});
