/** Ends models' processes. What drives a model server it started itself holds one; it is absent where the server is not its own. */
export interface ModelServerSupervisor {
  /**
   * Kills the processes of a model (of one version, when given) at once, whatever they do, and resolves when they are gone
   * and their memory is free. Requests in them are answered with status 500; the model is UNAVAILABLE until it is loaded
   * again. False: it had no process.
   */
  killModel(name: string, version?: number): Promise<boolean>;
}
