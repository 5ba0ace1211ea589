namespace Serving.Benchmarks.Processes;

/// <summary>Starts hosts with the settings of the runtime that an installation has.</summary>
internal static class HostLauncher
{
    /// <summary>Starts a local cluster, or a part of one.</summary>
    /// <param name="host">The path of Serving.Host.dll, or of the published program.</param>
    /// <param name="arguments">The arguments of <c>local</c>.</param>
    /// <param name="environment">Further variables of the process.</param>
    public static LocalProcess StartLocal(
        string host,
        IEnumerable<string> arguments,
        params IEnumerable<(string Name, string Value)> environment
    ) => Start(host, ["local", "--plain", .. arguments], environment);

    /// <summary>Starts modules beside a cluster that runs.</summary>
    /// <param name="host">The path of Serving.Host.dll.</param>
    /// <param name="arguments">The arguments of <c>run</c>.</param>
    public static LocalProcess StartRun(string host, IEnumerable<string> arguments) => Start(host, ["run", .. arguments], []);

    private static LocalProcess Start(string host, IEnumerable<string> arguments, IEnumerable<(string Name, string Value)> environment)
    {
        var variables = new Dictionary<string, string>(RuntimeSettings.Installed);
        foreach (var (name, value) in environment)
            variables[name] = value;
        return new LocalProcess(host, arguments, variables);
    }
}
