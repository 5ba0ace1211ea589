namespace Serving.Host.Local;

/// <summary>
/// The programs built with this host that replace images on the local cluster: the queue-proxy and the samples. The build writes their
/// paths to <c>programs.txt</c> beside the host.
/// </summary>
internal static class PodPrograms
{
    private static readonly (string Program, string[] Images)[] Map =
    [
        ("Serving.QueueProxy", ["*/queue-proxy*"]),
        ("HelloWorld", ["*/helloworld*", "helloworld*"]),
        ("Autoscale", ["*/autoscale*", "autoscale*"]),
    ];

    /// <summary>Image map entries, <c>GLOB=COMMAND</c>, of the built programs.</summary>
    public static IReadOnlyList<string> ImageMap()
    {
        var list = Path.Combine(AppContext.BaseDirectory, "programs.txt");
        if (!File.Exists(list))
        {
            throw new UserErrorException($"{list} is missing: build the host with `dotnet build` so that the pods' programs are there.");
        }

        var programs = File.ReadAllLines(list).Where(line => line.Length > 0).ToDictionary(line => Path.GetFileNameWithoutExtension(line));
        return
        [
            .. from entry in Map
            where programs.ContainsKey(entry.Program)
            from image in entry.Images
            select $"{image}={Command(programs[entry.Program])}",
        ];
    }

    /// <summary>The program's executable beside its assembly, else <c>dotnet</c> with the assembly.</summary>
    private static string Command(string assembly)
    {
        var executable = Path.ChangeExtension(assembly, null);
        return Quote(File.Exists(executable) ? [executable] : ["dotnet", assembly]);
    }

    private static string Quote(string[] words) =>
        string.Join(' ', words.Select(word => $"'{word.Replace("'", @"'\''", StringComparison.Ordinal)}'"));
}
