namespace Serving.TestPrograms;

/// <summary>
/// Files of the volume <c>data</c>: at its mount path <c>/data</c>, or in <c>VOLUME_DATA</c>, which the local cluster sets because it
/// may not be able to mount.
/// </summary>
internal static class Volume
{
    /// <summary>The path of a file of the volume.</summary>
    public static string PathOf(string file) => Path.Combine(Settings.Text("VOLUME_DATA", "/data"), file);

    /// <summary>The content of a file of the volume; null if it does not exist.</summary>
    public static string? Read(string file) => File.Exists(PathOf(file)) ? File.ReadAllText(PathOf(file)) : null;
}
