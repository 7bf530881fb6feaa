/** Token of the gateway's own database. */
export const GATEWAY_DATABASE = Symbol('GATEWAY_DATABASE');
