namespace Serving.Host.Local;

/// <summary>
/// The programs built with this host that replace images on the local cluster: the queue-proxy and the samples. The build writes the
/// paths of their assemblies, or of native programs, to <c>programs.txt</c> beside the host.
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

        return ImageMap(File.ReadLines(list).Where(line => line.Length > 0));
    }

    /// <summary>Image map entries of the programs with these paths.</summary>
    internal static IReadOnlyList<string> ImageMap(IEnumerable<string> paths)
    {
        var programs = paths.ToDictionary(NameOf);
        return
        [
            .. from entry in Map
            where programs.ContainsKey(entry.Program)
            from image in entry.Images
            select $"{image}={Command(programs[entry.Program])}",
        ];
    }

    private static bool IsAssembly(string path) => path.EndsWith(".dll", StringComparison.Ordinal);

    // The name of a native program may contain dots too.
    private static string NameOf(string path) => IsAssembly(path) ? Path.GetFileNameWithoutExtension(path) : Path.GetFileName(path);

    /// <summary>The native program, or the executable beside an assembly, else <c>dotnet</c> with the assembly.</summary>
    private static string Command(string path)
    {
        var executable = IsAssembly(path) ? Path.ChangeExtension(path, null) : path;
        return Quote(IsAssembly(path) && !File.Exists(executable) ? ["dotnet", path] : [executable]);
    }

    private static string Quote(string[] words) =>
        string.Join(' ', words.Select(word => $"'{word.Replace("'", @"'\''", StringComparison.Ordinal)}'"));
}
