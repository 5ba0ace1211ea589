using System.Globalization;

namespace Serving.TestPrograms;

/// <summary>What a container's environment says.</summary>
internal static class Settings
{
    /// <summary>A variable, or <paramref name="otherwise"/> where it is not set.</summary>
    public static string Text(string name, string otherwise = "") => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : otherwise;

    /// <summary>A variable that is a number; 0 where it is not set.</summary>
    public static int Number(string name) => int.Parse(Text(name, "0"), CultureInfo.InvariantCulture);

    /// <summary>The pod's name.</summary>
    public static string Host { get; } = Text("HOSTNAME", Environment.MachineName);
}
