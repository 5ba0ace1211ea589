using System.Globalization;

namespace Serving.TestPrograms;

/// <summary>Settings from the container's environment.</summary>
internal static class Settings
{
    /// <summary>The value of a variable, or <paramref name="otherwise"/> if it is not set.</summary>
    public static string Text(string name, string otherwise = "") =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : otherwise;

    /// <summary>The value of a numeric variable; 0 if it is not set.</summary>
    public static int Number(string name) => int.Parse(Text(name, "0"), CultureInfo.InvariantCulture);

    /// <summary>The pod's name.</summary>
    public static string Host { get; } = Text("HOSTNAME", Environment.MachineName);
}
