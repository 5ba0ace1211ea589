namespace Serving.TestPrograms;

/// <summary>
/// Files of the volume <c>data</c>: at its mount path <c>/data</c>, or where <c>VOLUME_DATA</c> says, which the local cluster sets because it
/// may not be able to mount.
/// </summary>
internal static class Volume
{
    /// <summary>Where a file of the volume is.</summary>
    public static string PathOf(string file) => Path.Combine(Settings.Text("VOLUME_DATA", "/data"), file);

    /// <summary>What a file of the volume says; null when there is none.</summary>
    public static string? Read(string file) => File.Exists(PathOf(file)) ? File.ReadAllText(PathOf(file)) : null;
}
